"""The clients with their pinned versions, and the table of what the sandbox answered them. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
MARK = "Made of: "


@dataclass(frozen=True)
class Client:
    """One client.

    Attributes:
        folder: of its environment, below the one for all of them.
        packages: with their versions, from the registry of the program's language: PyPI, npm or Maven Central.
        without: a requirement that the registry does not have, left out.
    """

    name: str
    folder: str
    packages: tuple[str, ...]
    program: str
    without: str = ""

    @property
    def language(self) -> str:
        """Of the client and its program: "py", "js" or "java"."""
        return self.program.rpartition(".")[2]


@dataclass(frozen=True)
class Outcome:
    """How one client fared.

    Attributes:
        steps: (step, outcome, detail) in order.
        statements: sent, answered, refused by name, ended with another error.
    """

    client: Client
    steps: tuple[tuple[str, str, str], ...]
    statements: tuple[int, int, int, int]


CLIENTS = (
    Client("connector 5.2", "connector5", ("snowflake-connector-python[pandas]==5.2.0",), "connector.py"),
    Client("connector 4.8", "connector4", ("snowflake-connector-python[pandas]==4.8.1",), "connector.py"),
    Client(
        "Snowpark 1.56",
        "snowpark",
        ("snowflake-snowpark-python[pandas]==1.56.0", "snowflake-connector-python[pandas]==4.8.1"),
        "snowpark_session.py",
    ),
    Client(
        "snowflake.core 1.14 (dagv1)",
        "core",
        ("snowflake.core==1.14.0", "snowflake-snowpark-python==1.56.0", "cloudpickle==3.1.2"),
        "task_graphs.py",
    ),
    Client("snowflake-ml-python 2.6", "ml26", ("snowflake-ml-python==2.6.0",), "ml_jobs.py"),
    Client("snowflake-ml-python 1.8.6", "ml18", ("snowflake-ml-python==1.8.6",), "ml_jobs.py"),
    Client("snow 3.31", "cli", ("snowflake-cli==3.31.0",), "snow.py", without="pip"),
    Client("SQLAlchemy 2.1", "sqlalchemy", ("snowflake-sqlalchemy==2.1.0",), "sqlalchemy_engine.py"),
    Client("dbt-snowflake 1.12", "dbt", ("dbt-core==1.11.2", "dbt-snowflake==1.12.4"), "dbt_project.py"),
    Client("schemachange 4.4", "schemachange", ("schemachange==4.4.0",), "schema_changes.py"),
    Client("Node snowflake-sdk 3.3", "node", ("snowflake-sdk@3.3.0",), "node_driver.js"),
    Client("JDBC 4.4", "jdbc", ("net.snowflake:snowflake-jdbc:4.4.1",), "Jdbc.java"),
)


def digest() -> str:
    """Of the clients' versions and programs: another one means that the table is out of date."""
    total = hashlib.sha256(repr(CLIENTS).encode())
    for path in sorted(path for path in PROGRAMS.iterdir() if path.is_file()):
        total.update(path.name.encode() + path.read_bytes())
    return total.hexdigest()[:16]


def document(outcomes: list[Outcome], date: str) -> str:
    """docs/coverage.md."""
    rows = [_row(outcome) for outcome in outcomes]
    other = [line for outcome in outcomes for line in _other_lines(outcome)]
    head = (
        "# Coverage: official clients on the sandbox\n\n"
        "`make clients` installs each client in an environment of its own, runs its program of `tests/clients/programs`"
        " against an empty sandbox, and writes this page. Steps are what a user does, statements what the client sent"
        " for it. *Refused* is an error of the sandbox that names what it lacks; *other* is any other error, those that"
        " a step expects among them.\n\n"
        f"{MARK}{digest()} ({date}).\n\n"
        "| Client | Steps | Answered | Refused | Wrong | Statements | Answered | Refused | Other |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
    )
    return head + "".join(rows) + ("\n## Not answered\n\n" + "".join(other) if other else "")


def differences(page: str, text: str) -> list[str]:
    """What a page says of clients' steps that a newer one does not: rows without the counts of statements."""
    return sorted(set(_steps(page)) ^ set(_steps(text)))


def _steps(text: str) -> list[str]:
    rows = [line.split(" | ")[:5] for line in text.splitlines() if line.startswith("| ") and " | " in line]
    other = [line.partition("`")[0].strip() for line in text.splitlines() if line.startswith("- ")]
    return [" | ".join(row) for row in rows] + other


def _row(outcome: Outcome) -> str:
    words = [result for _, result, _ in outcome.steps]
    counts = [len(words), *(words.count(word) for word in ("answered", "refused", "wrong"))]
    return f"| {outcome.client.name} | {' | '.join(map(str, [*counts, *outcome.statements]))} |\n"


def _other_lines(outcome: Outcome) -> list[str]:
    return [
        f"- {outcome.client.name}, {step}: {result}. `{detail.replace('`', '')[:160]}`\n"
        for step, result, detail in outcome.steps
        if result != "answered"
    ]
