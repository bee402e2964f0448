"""A session that writes what it is asked to the file named by STUB_RECORD and fails where STUB_FAIL says."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, Self

from snowflake.connector.errors import Error
from snowflake.snowpark.exceptions import SnowparkClientException


def note(**values: Any) -> None:
    with Path(os.environ["STUB_RECORD"]).open("a") as record:
        record.write(json.dumps(values) + "\n")


class Session:
    class _Builder:
        def configs(self, options: dict[str, Any]) -> Self:
            note(connect=options)
            return self

        def create(self) -> Session:
            if os.environ.get("STUB_FAIL") == "connect":
                raise Error("250001: could not connect\nto Snowflake")
            return Session()

    builder = _Builder()

    def close(self) -> None:
        note(closed=True)
        if os.environ.get("STUB_FAIL") == "close":
            raise SnowparkClientException("(1405): Failed to close this session")

    def __getattr__(self, name: str) -> Any:
        return lambda: name.removeprefix("get_current_").upper()

    @property
    def file(self) -> Stage:
        return Stage()

    def sql(self, query: str, params: list[Any] | None = None) -> Frame:
        if query.startswith(("SELECT SYSTEM$", "CALL SYSTEM$")):
            note(**{query.split("(", maxsplit=1)[0].split("$")[1]: params})
            return Frame([{"RUN_GROUP": "7", "STARTED": "now", "SINCE": None, "RETURNED": '{"n": 1}'}])
        if os.environ.get("STUB_FAIL") == "query" and query.startswith("INSERT"):
            raise SnowparkClientException("(1304): 002003 (42S02): Object 'X' does not exist")
        note(query=query)
        return Frame()


class Stage:
    """The files of the folder named by STUB_STAGE."""

    def get(self, location: str, folder: str) -> None:
        name = location.rpartition("/")[2]
        found = Path(os.environ["STUB_STAGE"]) / name
        if not found.exists():
            raise SnowparkClientException(f"(1408): the file {name} does not exist")
        shutil.copy(found, folder)


class Frame:
    def __init__(self, rows: list[Any] | None = None) -> None:
        self.rows = rows or [(3,)]

    def limit(self, rows: int) -> Self:
        note(limit=rows)
        return self

    @property
    def write(self) -> Self:
        return self

    def mode(self, mode: str) -> Self:
        note(mode=mode)
        return self

    def save_as_table(self, table: str) -> None:
        note(table=table)

    def collect(self) -> list[Any]:
        return self.rows
