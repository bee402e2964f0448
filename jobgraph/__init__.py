"""jobgraph: graphs of containerized jobs on Snowflake, deployed with Pulumi.

Importing this package is cheap on purpose: plugins and commands start with it.
"""
