"""Data SQL: Snowflake's dialect on DuckDB through fakesnow."""
