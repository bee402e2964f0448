"""The stand-in for the Snowflake provider plugin: a Pulumi resource provider that sends the official plugin's SQL.

Knows how Pulumi's engine talks to a provider, and Snowflake's SQL for the resource types in `resources/`. Must not know
the rest of this project. It is used only if the official plugin cannot be installed.
"""
