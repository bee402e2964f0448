"""The data folder itself: the files by which clients find its sandbox, its lock, and what can be wrong with it.

Knows names of files and processes. Must not know Snowflake, nor what the stores hold.
"""
