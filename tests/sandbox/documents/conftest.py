"""A sandbox process with the tutorial's image, for the documents that the product implements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import snowflake.connector
from snowflake_sandbox import control
from snowflake_sandbox.scripting import parser
from snowflake_sandbox.statements.reader import Reader

from tests.sandbox.documents import sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_DOCKERFILE = 'FROM python:3.11-slim\nCOPY main.py ./\nENTRYPOINT ["python3", "main.py"]\n'


@dataclass
class Worksheet:
    """A connection into which a person pastes statements.

    Attributes:
        refused: statements that ended with an error, with its number.
    """

    connection: snowflake.connector.SnowflakeConnection
    environment: Mapping[str, str]
    refused: list[tuple[str, int]]

    def run(self, text: str) -> list[tuple[Any, ...]]:
        """Run a statement; [] where it is refused, which is noted."""
        with self.connection.cursor() as cursor:
            try:
                cursor.execute(text)
            except snowflake.connector.errors.ProgrammingError as error:
                self.refused.append((" ".join(text.split()), error.errno or 0))
                return []
            return [tuple(row) for row in cursor.fetchall()]

    def run_all(self, text: str) -> list[list[tuple[Any, ...]]]:
        """Run the statements of a block of a document, one after another."""
        reader = Reader(text)
        return [
            self.run(text[reader.tokens[first].start : reader.tokens[last - 1].end + 1])
            for first, last in parser.split(reader)
        ]


@pytest.fixture
def worksheet(tmp_path: Path) -> Iterator[Worksheet]:
    """A worksheet of ACCOUNTADMIN; skipped without the documents."""
    if sources.folder() is None:
        pytest.skip("shared/sources is not there")
    image = tmp_path / "images" / "my_job_image"
    image.mkdir(parents=True)
    (image / "main.py").write_text(sources.tutorial_program())
    (image / "Dockerfile").write_text(_DOCKERFILE)
    folder = tmp_path / "sandbox"
    control.start(folder, (tmp_path / "images",))
    try:
        environment = control.environment(folder)
        with snowflake.connector.connect(
            host=environment["SNOWFLAKE_HOST"],
            port=int(environment["SNOWFLAKE_PORT"]),
            protocol="http",
            account="LOCAL-SANDBOX",
            user=environment["SNOWFLAKE_USER"],
            password=environment["SNOWFLAKE_PASSWORD"],
            role="ACCOUNTADMIN",
        ) as connection:
            yield Worksheet(connection, environment, [])
    finally:
        control.stop(folder)
