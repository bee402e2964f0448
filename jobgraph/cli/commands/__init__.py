"""The commands of `jobgraph`: one file per command, named as the command."""
