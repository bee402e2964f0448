"""Images of jobs, and the folders that they are built from. The only I/O is reading those folders."""
