"""Snowflake's REST API, /api/v2, as the client snowflake.core uses it: requests become statements, rows become JSON.

answers.py, names.py, plan.py and task_json.py are pure; application.py is the shell. Requests that are not in the table
of plan.py are refused by name.
"""
