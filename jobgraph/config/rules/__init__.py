"""The rules that a job configuration has to keep, beyond what a single value may be."""
