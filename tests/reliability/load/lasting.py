"""What a sandbox holds after thousands of things that are over: sessions whose clients went away, runs that ended.

Knows how memory and threads are compared. Must not know the other loads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.reliability.load.client import Client, Sandbox
    from tests.reliability.load.figures import Report

ABANDONED = 1000
TASKS, TASK_RUNS = 10, 2000
PATIENCE = 60.0
STATEMENTS = 200
# Of a session that nobody ends: its connection to DuckDB, and what it asked last.
MEGABYTES_OF_A_SESSION = 0.5
UNDER_WAY = (
    "SELECT 1 FROM TABLE(D.INFORMATION_SCHEMA.CURRENT_TASK_GRAPHS(ROOT_TASK_NAME => 'L0')) WHERE STATE = 'EXECUTING'"
)


def abandon(sandbox: Sandbox, client: Client, report: Report) -> None:
    """Log in a thousand times, do something, and go away without a word."""
    before, memory, threads = _processor_seconds(sandbox, client), sandbox.megabytes, sandbox.threads
    for number in range(ABANDONED):
        session = sandbox.client()
        session.rows(f"SELECT {number}")
        session.abandon()
    report.tell(f"{ABANDONED} sessions abandoned")
    report.hold("megabytes of each", (sandbox.megabytes - memory) / ABANDONED, MEGABYTES_OF_A_SESSION)
    report.hold("more threads", sandbox.threads - threads, 40)
    report.hold("processor time of SELECT 1 afterwards / before", _processor_seconds(sandbox, client) / before, 2.0)


def _processor_seconds(sandbox: Sandbox, client: Client) -> float:
    """Time of the processor, which other programs of the machine do not change, for many statements."""
    began = sandbox.processor_seconds
    for _ in range(STATEMENTS):
        client.rows("SELECT 1")
    return sandbox.processor_seconds - began


def runs(sandbox: Sandbox, client: Client, report: Report) -> None:
    """Run a graph again and again: after the first quarter, its runs take no more memory."""
    client.rows("CREATE TABLE LASTING (N NUMBER)")
    for number in range(TASKS):
        after = f"AFTER L{number - 1}" if number else ""
        client.rows(f"CREATE TASK L{number} WAREHOUSE = W {after} AS INSERT INTO LASTING VALUES ({number})")
    client.rows("SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('L0')")
    turns = TASK_RUNS // TASKS
    memory, threads = 0.0, 0
    for turn in range(turns):
        client.rows("EXECUTE TASK L0")
        if not client.until(UNDER_WAY, PATIENCE):
            break
        if turn == turns // 4:
            memory, threads = sandbox.megabytes, sandbox.threads
    rows = int(client.rows("SELECT COUNT(*) FROM LASTING")[0][0])
    report.tell(f"{rows} task runs one after the other")
    report.want("each ran once", holds=rows == turns * TASKS)
    report.hold("memory at the end / after a quarter", sandbox.megabytes / memory if memory else 0.0, 1.15)
    report.hold("more threads since", sandbox.threads - threads, 10)
