"""The local Snowflake: a process on 127.0.0.1 that speaks Snowflake's client protocol.

Knows Snowflake; must not know jobgraph, its components or its procedures: one bug must not make both sides agree.

Comments cite docs/sql-contract.md as `contract 6.13`, and docs/snowflake-facts.md as `facts C5`.
"""
