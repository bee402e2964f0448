"""The command `backfill` and its subcommands, one file each."""
