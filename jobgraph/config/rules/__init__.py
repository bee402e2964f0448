"""The rules of a job configuration beyond those for single values."""
