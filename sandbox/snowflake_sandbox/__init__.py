"""The local Snowflake: a process on 127.0.0.1 that speaks Snowflake's client protocol.

Knows Snowflake; must not know jobgraph, its components or its procedures: one bug must not make both sides agree.
"""
