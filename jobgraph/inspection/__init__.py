"""Checks whether an account has everything that a stack needs: the questions, and the findings. No I/O."""
