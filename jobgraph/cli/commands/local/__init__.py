"""Commands that start something on this machine which stays: one file each."""
