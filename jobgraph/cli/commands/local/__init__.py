"""Commands that start a long-running program on this machine: one file each."""
