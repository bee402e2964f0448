"""A job fails and its graph goes on (`on_failure: continue`): the messages call that what `jobgraph status` does."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING

import pytest
import yaml

from jobgraph.account import queries
from tests.runner.deployed import DEFAULTS, SETTINGS, deployed, write_image

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.sandbox

FAILS_ASIDE = """import sys
if sys.argv[1:] == ["aside"]:
    print("ValueError: no rows")
    sys.exit(3)
"""
JOBS = {
    "t_aside": {"args": ["aside"], "on_failure": "continue", "retries": 0, "runbook": "https://wiki.example.org/aside"},
    "t_report": {"after": ["t_aside"]},
}
NOTIFY = [{"email": ["ops@example.org"], "events": ["failure", "success", "recovered"]}]


def test_a_job_that_fails_beside_its_graph_is_a_failure_until_a_good_run(tmp_path: Path) -> None:
    image = write_image(tmp_path / "images", FAILS_ASIDE)
    file = tmp_path / "jobs.yaml"
    graphs = {"nightly": {"notify": NOTIFY, "jobs": JOBS}}
    file.write_text(yaml.safe_dump({"version": 1, "defaults": DEFAULTS, "graphs": graphs}))
    good_runs = queries.spans(queries.Place("D", "S"), queries.Tables(), 10).text
    with deployed(tmp_path / "sandbox", tmp_path / "images", file, lambda task: task.sql) as graph:
        graph.rows("CREATE USER OPS EMAIL = 'ops@example.org'")
        for integration in graph.planned.notifying.integrations:
            graph.rows(integration.create)
        graph.start()
        graph.finish()
        assert graph.rows(good_runs) == []
        graph.rows(f"UPDATE D.S.{SETTINGS.job_runs_table} SET GRAPH_NAME = NULL")  # as of an earlier version
        (image / "program.py").write_text("")
        graph.start()
        graph.finish_all(2)
        assert [row["BAD"] for row in graph.rows(good_runs)] == [0]
        # as if these were runs of another graph that had the same root before, the last of which failed
        graph.rows(f"UPDATE D.S.{SETTINGS.job_runs_table} SET GRAPH_NAME = 'orders', JOB_STATUS = 'FAILED'")
        graph.rows(f"UPDATE D.S.{SETTINGS.task_runs_table} SET GRAPH_NAME = 'orders', STATE = 'FAILED'")
        graph.start()
        graph.finish_all(3)
        graph.world.parts["notifications"].deliver()
        files = sorted((graph.world.folder / "mail").glob("*.eml"))
        mails = [message_from_bytes(mail.read_bytes(), policy=default) for mail in files]
    assert [mail["Subject"] for mail in mails] == [
        "Graph nightly ran to its end, and jobs failed: T_ASIDE",
        "Graph nightly has recovered",
        "Graph nightly succeeded",
    ]
    text = mails[0].get_content()
    assert "Failed, and the graph went on: T_ASIDE." in text
    assert "exit code 3" in text
    assert "first error: ValueError: no rows" in text
    assert "runbook: https://wiki.example.org/aside" in text
    assert "More: jobgraph logs --failed --run" in text
