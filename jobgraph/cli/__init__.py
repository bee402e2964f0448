"""The `jobgraph` command, with which people and scripts check, run, watch and steer graphs of jobs.

Knows the terminal and the connector. Must not know whether it talks to an account or to the sandbox.
"""
