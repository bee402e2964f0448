"""What a graph run is, read from the rows of task history and of the history tables."""
