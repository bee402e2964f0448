"""What is in Snowflake, held against the plan: drift, root changes, moves, repair, orphans, removal."""
