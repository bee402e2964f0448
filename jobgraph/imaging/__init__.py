"""Images of jobs and the folders that they are built of. No I/O but reading those folders."""
