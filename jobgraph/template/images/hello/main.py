"""Runs a query and appends its one value to a table: a container of your own to begin with.

    main.py --query="select 1" --table=results

Ends with 0 when done. The last line on standard output is a JSON object: the outputs, which `when` and dependents read.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import snowflake.connector

TOKEN = Path("/snowflake/session/token")
SETTINGS = ("account", "host", "port", "protocol", "database", "schema", "warehouse")


def parameters() -> dict[str, Any]:
    """Return how to connect: by the token and the variables that Snowflake puts into every container.

    The token lives for minutes, so it is read right before the connection is made.
    """
    settings = {name: value for name in SETTINGS if (value := os.environ.get(f"SNOWFLAKE_{name.upper()}"))}
    token = Path(os.environ.get("SNOWFLAKE_TOKEN_FILE_PATH", TOKEN)).read_text().strip()
    return {**settings, "authenticator": "oauth", "token": token}


def main() -> None:
    """Run the query and keep its value."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--query", required=True)
    parser.add_argument("--table", required=True)
    options = parser.parse_args()
    with snowflake.connector.connect(**parameters()) as connection:
        cursor = connection.cursor()
        cursor.execute(options.query)
        row = cursor.fetchone()
        value = str(row[0]) if row else ""
        cursor.execute("create table if not exists identifier(%s) (value varchar)", (options.table,))
        cursor.execute("insert into identifier(%s) values (%s)", (options.table, value))
    print(f"{options.table}: {value}")
    print(json.dumps({"value": value, "rows_written": 1}))


if __name__ == "__main__":
    main()
