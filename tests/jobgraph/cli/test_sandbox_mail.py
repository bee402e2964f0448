"""`jobgraph sandbox mail`: the e-mails of a sandbox, also of one that does not run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.jobgraph.cli.conftest import Invoke

MAIL = "From: no-reply@snowflake.net\nTo: ops@example.org\nSubject: Graph g failed: LOAD\n\nGraph g failed.\n"


def test_messages_are_listed_and_shown(invoke: Invoke, tmp_path: Path) -> None:
    nothing = invoke("sandbox", "mail")
    assert nothing.exit_code == 0
    assert "No message was sent" in nothing.stdout
    folder = tmp_path / ".jobgraph" / "sandbox" / "mail"
    folder.mkdir(parents=True)
    (folder / "20261129T020000000000-0a1b2c3d.eml").write_text(MAIL)
    assert "1 20261129T020000 e-mail ops@example.org Graph g failed: LOAD" in " ".join(
        invoke("sandbox", "mail").stdout.split()
    )
    assert invoke("sandbox", "mail", "1").stdout.endswith("Subject: Graph g failed: LOAD\n\nGraph g failed.\n\n")
    assert json.loads(invoke("sandbox", "mail", "--json").stdout)[0]["to"] == "ops@example.org"
    beyond = invoke("sandbox", "mail", "2")
    assert beyond.exit_code == 2
    assert "There is no message 2; there are 1" in beyond.stderr
