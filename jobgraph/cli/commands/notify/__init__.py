"""The commands `notify test` and `notify history`."""
