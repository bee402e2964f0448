"""`diff` of files and of git revisions."""

from __future__ import annotations

import html
import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.jobgraph.cli.configuration import BAD, GOOD

if TYPE_CHECKING:
    from pathlib import Path

    from tests.jobgraph.cli.conftest import Invoke

NEW = GOOD.replace("retries: 2", "retries: 3")


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two revisions: the first is wrong, the second good; the file itself is one step further."""
    monkeypatch.chdir(tmp_path)
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    for content in (BAD, GOOD):
        (tmp_path / "jobconfig.yaml").write_text(content)
        git(tmp_path, "add", "jobconfig.yaml")
        git(tmp_path, "commit", "--quiet", "--message=step")
    (tmp_path / "jobconfig.yaml").write_text(NEW)
    return tmp_path


TOLD = "~ graph nightly: 1 job changed\n  ~ REPORT\n      retries: 2 -> 3\n"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("old", ["HEAD", "main", "HEAD:jobconfig.yaml", "HEAD:./jobconfig.yaml"])
def test_a_revision_and_the_file_as_it_stands(invoke: Invoke, old: str) -> None:
    done = invoke("diff", old)
    assert (done.exit_code, done.stdout) == (0, TOLD), done.output
    assert invoke("diff", old, "jobconfig.yaml").stdout == TOLD
    assert invoke("diff", old, "--exit-code").exit_code == 1


@pytest.mark.usefixtures("project")
def test_no_difference(invoke: Invoke) -> None:
    done = invoke("diff", "HEAD", "HEAD", "--exit-code")
    assert (done.exit_code, done.stdout) == (0, "No difference: both configurations are the same.\n")


@pytest.mark.usefixtures("project")
def test_for_a_pull_request_and_for_scripts(invoke: Invoke) -> None:
    assert (
        "| ~ | `REPORT` | retries | <code>2</code> | <code>3</code> |"
        in invoke("diff", "HEAD", "--format", "markdown").stdout
    )
    told = json.loads(invoke("diff", "HEAD", "--format", "json").stdout)
    assert told["graphs"][0]["jobs_changed"][0]["fields"] == [{"field": "retries", "old": 2, "new": 3}]


@pytest.mark.usefixtures("project")
def test_a_revision_that_is_wrong_is_named_at_its_lines(invoke: Invoke) -> None:
    done = invoke("diff", "HEAD~1", "HEAD")
    assert done.exit_code == 2
    assert "HEAD~1:jobconfig.yaml:8:" in done.stderr
    assert "/tmp" not in done.stderr  # noqa: S108  # the folder that a revision is unpacked into


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("old", ["HEAD~7", "none.yaml", "--output=x", "", "HEAD:none.yaml", "HEAD~7:jobconfig.yaml"])
def test_neither_a_file_nor_a_revision(invoke: Invoke, old: str) -> None:
    done = invoke("diff", "--", old)
    assert done.exit_code == 2
    assert "Traceback" not in done.output
    assert "none.yaml" in done.stderr or "neither a file nor a revision" in done.stderr


def test_outside_of_a_repository(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    done = invoke("diff", "HEAD")
    assert done.exit_code == 2
    assert "not a git repository" in done.stderr


def test_as_an_environment_has_them(invoke: Invoke, project: Path) -> None:
    (project / "jobconfig.prod.yaml").write_text("graphs: {nightly: {jobs: {report: {retries: 9}}}}\n")
    git(project, "add", "jobconfig.prod.yaml")
    git(project, "commit", "--quiet", "--message=overlay")
    assert invoke("diff", "HEAD", "--environment", "prod").stdout.startswith("No difference")


def test_another_order_is_no_difference(invoke: Invoke, tmp_path: Path) -> None:
    volumes = ["v: {source: local, path: /v}", "m: {source: memory, path: /m, size: 1Gi}"]
    start = "version: 1\ngraphs:\n  g:\n    jobs:\n"
    jobs = [
        f"      a: {{image: 'x:1.0', compute_pool: P, volumes: {{{', '.join(order)}}}}}\n"
        for order in (volumes, volumes[::-1])
    ]
    other = "      b: {image: 'x:1.0', compute_pool: P}\n"
    (tmp_path / "one.yaml").write_text(start + jobs[0] + other)
    (tmp_path / "two.yaml").write_text(start + other + jobs[1])
    done = invoke("diff", str(tmp_path / "one.yaml"), str(tmp_path / "two.yaml"), "--exit-code")
    assert (done.exit_code, done.stdout) == (0, "No difference: both configurations are the same.\n")


def test_a_revision_without_any_file(invoke: Invoke, project: Path) -> None:
    git(project, "rm", "--quiet", "-f", "jobconfig.yaml")
    git(project, "commit", "--quiet", "--message=nothing left")
    (project / "jobconfig.yaml").write_text(NEW)
    done = invoke("diff", "HEAD")
    assert done.exit_code == 2
    assert "HEAD:jobconfig.yaml: cannot be read" in done.stderr


def test_a_repository_with_a_link_that_leads_out_of_it(invoke: Invoke, project: Path) -> None:
    (project / "hosts").symlink_to("/etc/hosts")
    git(project, "add", "hosts")
    git(project, "commit", "--quiet", "--message=link")
    done = invoke("diff", "HEAD")
    assert (done.exit_code, done.stdout) == (0, TOLD), done.output


@pytest.mark.parametrize("old", ["HEAD", "HEAD:../jobconfig.yaml", "HEAD:./../jobconfig.yaml", "HEAD:{}"])
def test_a_file_outside_the_repository(
    invoke: Invoke, project: Path, monkeypatch: pytest.MonkeyPatch, old: str
) -> None:
    inner = project / "inner"
    inner.mkdir()
    git(inner, "init", "--quiet", "--initial-branch=main")
    git(inner, "commit", "--quiet", "--allow-empty", "--message=first")
    monkeypatch.chdir(inner)
    done = invoke("diff", old.format(project / "jobconfig.yaml"))
    assert done.exit_code == 2
    assert f"{project / 'jobconfig.yaml'}: is not in the repository {inner}" in done.stderr


PAYLOAD = """\
version: 1
graphs:
  g:
    jobs:
      a: {payload: {path: SOURCE, entrypoint: main.py}, compute_pool: POOL}
"""
# where repository, Pulumi.yaml (and whether it is committed), file and payload are; whether a deploy takes it
LAYOUTS = {
    "all in one": (".", "Pulumi.yaml", True, "jobs", "jobs/src", True),
    "above the file": (".", "Pulumi.yaml", True, "jobs", "src", True),
    "in no revision": (".", "Pulumi.yaml", False, "jobs", "src", True),
    "above the repository": ("repository", "Pulumi.yaml", False, "repository/jobs", "repository/src", True),
    "a payload beside the repository": ("repository", "Pulumi.yaml", False, "repository/jobs", "src", True),
    "a payload beside the project": (".", "project/Pulumi.yaml", True, "project", "src", False),
    "no project": (".", "", True, "jobs", "src", False),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_revision_may_have_the_payloads_that_a_deploy_takes_and_no_others(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    repository, project_file, is_committed, folder, source, taken = LAYOUTS[layout]
    top, file, code = tmp_path / repository, tmp_path / folder / "jobconfig.yaml", tmp_path / source / "main.py"
    for path in (top / "x", file, code, tmp_path / project_file / "x" if project_file else file):
        path.parent.mkdir(parents=True, exist_ok=True)
    if project_file:
        (tmp_path / project_file).rmdir()
        (tmp_path / project_file).write_text("name: p\n")
    relative = os.path.relpath(code.parent, file.parent)
    file.write_text(PAYLOAD.replace("SOURCE", relative))
    code.write_text("print(1)\n")
    git(top, "init", "--quiet", "--initial-branch=main")
    git(top, "add", "--all")
    if not is_committed and (top / project_file).is_file():
        git(top, "rm", "--quiet", "--cached", project_file)
    git(top, "commit", "--quiet", "--message=first")
    code.write_text("print(2)\n")
    monkeypatch.chdir(file.parent)
    as_deployed, of_revision = (
        invoke("diff", *words, "jobconfig.yaml") for words in (["jobconfig.yaml"], ["HEAD:./jobconfig.yaml"])
    )
    assert as_deployed.exit_code == (0 if taken else 2), as_deployed.output
    assert of_revision.exit_code == as_deployed.exit_code, of_revision.output
    if taken:
        told = code.is_relative_to(top)  # what is in no revision has no other version
        assert ("payload.files.main.py" in of_revision.stdout) is told, of_revision.stdout
    else:
        assert "[payload-outside]" in as_deployed.stderr
        assert "[payload-outside]" in of_revision.stderr
        assert "jobgraph-" not in of_revision.stderr  # the folder into which the revision was unpacked


FILE = """
version: 1
graphs:
  g:
    comment: {comment}
    jobs:
      a: {{image: "i:1", compute_pool: P}}
"""


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_what_it_writes_has_no_control_characters(invoke: Invoke, tmp_path: Path, form: str) -> None:
    for name, comment in (("old", "x"), ("new", '"\u202e\u2066y"')):
        (tmp_path / f"{name}.yaml").write_text(FILE.format(comment=comment), "utf-8")
    done = invoke("diff", "--format", form, str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml"))
    assert "comment" in done.output, done.output
    assert "\\u202e\\u2066y" in html.unescape(done.output)
    assert not {"\u202e", "\u2066"} & set(done.output)
