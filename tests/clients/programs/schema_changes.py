"""schemachange: versioned, repeatable and always scripts; a second deploy, a change, a script that fails.

It passes on neither host, port nor protocol of a connection, so the connector gets them underneath it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import snowflake.connector
from steps import LOGIN, errors_of, step

_COMMAND = """
import functools, json, os, sys
import snowflake.connector
place = json.loads(os.environ["PLACE"])
snowflake.connector.connect = functools.partial(snowflake.connector.connect, **place)
from schemachange.cli import main
sys.exit(main())
"""
folder = Path(tempfile.mkdtemp())
fields = "\n".join(f"{name} = {value if name == 'port' else repr(value)}" for name, value in LOGIN.items())
FILES = {
    "connections.toml": f'[default]\n{fields}\nwarehouse = "WH"\ndatabase = "SC"\n',
    "scripts/V1.1__tables.sql": "create table {{ schema }}.T (ID int, NAME varchar);\n-- the first row; as text\n"
    "insert into {{ schema }}.T values (1, 'a;b');\n",
    "scripts/V1.2__procedure.sql": "create or replace procedure {{ schema }}.P() returns int language sql as\n"
    "$$\nbegin\n  insert into {{ schema }}.T values (2, 'p');\n  return 1;\nend;\n$$;\ncall {{ schema }}.P();\n",
    "scripts/R__view.sql": "create or replace view {{ schema }}.W as select count(*) as N from {{ schema }}.T;\n",
    "scripts/A__grants.sql": "grant select on all tables in schema {{ schema }} to role PUBLIC;\n",
}


def write(files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)


def deploy(*words: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SNOWFLAKE_")}
    environment |= {"NO_COLOR": "1", "PLACE": json.dumps({key: LOGIN[key] for key in ("host", "port", "protocol")})}
    command = ["deploy", "--connections-file-path", "connections.toml", "--connection-name", "default"]
    more = ["-f", "scripts", "-c", "SC.META.HISTORY", "--create-change-history-table", "--vars", '{"schema": "SC.APP"}']
    ended = subprocess.run(
        [sys.executable, "-c", _COMMAND, *command, *more, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(errors_of(ended.stdout + ended.stderr))
    return ended.stdout + ended.stderr


def query(*texts: str) -> Any:
    with snowflake.connector.connect(**LOGIN, warehouse="WH") as connection:
        rows = [connection.cursor().execute(text).fetchall() for text in texts]
        return [tuple(row) for row in rows[-1]]


def scripts() -> Any:
    return query("select SCRIPT, STATUS from SC.META.HISTORY order by INSTALLED_ON, SCRIPT")


def deployed() -> int:
    deploy()
    return len(scripts())


def changed() -> int:
    write({"scripts/R__view.sql": FILES["scripts/R__view.sql"].replace("as N", "as M")})
    return deployed()


def failing() -> str:
    write({"scripts/V2__bad.sql": "create table SC.APP.U (ID int);\nselect * from SC.APP.NOPE;\n"})
    try:
        return deploy()
    except RuntimeError as error:
        return str(error)


write(FILES)
step(
    "create",
    lambda: query("create warehouse WH", "create database SC", "create schema SC.META", "create schema SC.APP"),
)
step("dry run", lambda: "V1.1__tables.sql" in deploy("--dry-run"), expected=True)
step("deploy", deployed, 4)
step("what the scripts did", lambda: query("select * from SC.APP.T order by ID"), [(1, "a;b"), (2, "p")])
step("deploy again: the script that runs always", deployed, 5)
step("a changed view", changed, 7)
step("its new column", lambda: query("select M from SC.APP.W"), [(2,)])
step("a script that fails", lambda: "does not exist" in failing(), expected=True)
