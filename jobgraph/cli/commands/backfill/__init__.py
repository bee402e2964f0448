"""The command `backfill` and those below it, one file each."""
