"""The commands of `jobgraph`: one file per command, with the same name."""
