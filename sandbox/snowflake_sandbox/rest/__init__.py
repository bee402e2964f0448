"""Snowflake's REST API, /api/v2, as snowflake.core speaks it: requests become statements, rows become JSON.

answers.py, names.py, plan.py and task_json.py are pure; application.py is the shell. What is not in plan.py's table is
refused by name.
"""
