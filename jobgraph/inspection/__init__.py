"""Whether an account has what a stack needs: what is asked, and what follows from the answers. No I/O."""
