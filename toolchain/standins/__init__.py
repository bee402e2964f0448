"""Stand-ins for Pulumi's language host and the Snowflake plugin, for machines where neither can be installed."""
