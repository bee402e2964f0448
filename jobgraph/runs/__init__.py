"""Graph runs, read from the rows of the task history and of the history tables."""
