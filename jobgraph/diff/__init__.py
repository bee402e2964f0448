"""The differences between two job configurations."""
