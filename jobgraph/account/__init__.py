"""The connection to Snowflake. The only folder that imports the connector."""
