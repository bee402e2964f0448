"""Messages on runs that `jobgraph status` tells of too: a retry, a job that timed out, a part of a graph."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from jobgraph.procedures.requested.request import REQUEST, Request
from tests.runner.deployed import DEFAULTS, Deployed, deployed, write_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

pytestmark = pytest.mark.sandbox

JOBS: dict[str, dict[str, Any]] = {
    "t_bad": {"args": ["exit", "3"], "retries": 1},
    "t_slow": {"args": ["hang"], "timeout": "3 seconds", "retries": 0},
    "t_fact": {"args": ["say", "ROWS"]},
    "t_if": {"args": ["exit", "0"], "after": ["t_fact"], "when": {"job": "t_fact", "output": "ROWS", "above": 0}},
    "t_last": {"args": ["exit", "0"], "after": ["t_bad"]},
}
NOTIFY = [{"email": ["ops@example.org"], "events": ["failure", "success"]}]


@pytest.fixture(scope="module")
def mails(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[EmailMessage]]:
    """The messages on a bad run, on its retry, and on a good run of one job."""
    folder = tmp_path_factory.mktemp("ends")
    write_image(folder / "images")
    file = folder / "jobs.yaml"
    graphs = {"nightly": {"notify": NOTIFY, "jobs": JOBS}}
    file.write_text(yaml.safe_dump({"version": 1, "defaults": DEFAULTS, "graphs": graphs}))
    with deployed(folder / "sandbox", folder / "images", file, lambda task: task.sql) as graph:
        graph.rows("CREATE USER OPS EMAIL = 'ops@example.org'")
        for integration in graph.planned.notifying.integrations:
            graph.rows(integration.create)
        graph.start()
        graph.finish_all(1)
        graph.rows(f"EXECUTE TASK {graph.graph.root.full_name} RETRY LAST")
        graph.finish_all(2)
        graph.start({REQUEST: Request(left_out=("T_BAD", "T_SLOW", "T_IF", "T_LAST")).entry})
        graph.finish_all(3)
        graph.world.parts["notifications"].deliver()
        yield _mails(graph)


def _mails(graph: Deployed) -> list[EmailMessage]:
    files = sorted((graph.world.folder / "mail").glob("*.eml"))
    return [message_from_bytes(file.read_bytes(), policy=default) for file in files]


def test_the_attempt_of_a_job_is_counted_anew_in_a_retry_of_the_run(mails: list[EmailMessage]) -> None:
    first, again = (mail.get_content() for mail in mails[:2])
    assert "T_BAD FAILED: app_error, exit code 3, attempt 2 of 2\n" in first
    assert "T_BAD FAILED: app_error, exit code 3, attempt 2 of 2, and 2 before the retry\n" in again


def test_a_state_is_named_as_in_status(mails: list[EmailMessage]) -> None:
    text = mails[0].get_content()
    assert "T_SLOW TIMED_OUT: timeout, " in text
    assert "2 jobs SKIPPED." in text


def test_what_a_part_leaves_out_is_not_called_skipped(mails: list[EmailMessage]) -> None:
    part = mails[2]
    assert part["Subject"] == "Graph nightly (a part: 4 of 5 jobs left out) succeeded"
    assert "skipped" not in part.get_content().lower()
    assert "It ran a part of the graph, without T_BAD, T_IF, T_LAST, T_SLOW." in part.get_content()
