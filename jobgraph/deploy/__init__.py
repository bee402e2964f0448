"""Comparison of Snowflake's present objects with the plan: drift, root changes, moves, repair, orphans, removal."""
