"""docs/account.md line by line, on a sandbox as if it were an empty account; what the run at its end has left."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import yaml

from tests.lifecycle import stack
from tests.lifecycle.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lifecycle.project import Project

JOBS = [f"T_MYJOB_{number}" for number in range(1, 7)]
VALUES = {"<ORGANIZATION>": "LOCAL", "<ACCOUNT>": "SANDBOX", "<OWNER>": "shop", "<REPOSITORY>": "jobs"}


def blocks(heading: str) -> list[tuple[str, list[str]]]:
    """The code blocks of a section, by their language, with values for what is in angle brackets."""
    text = (ROOT / "docs" / "account.md").read_text("utf-8")
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    body = next(part for part in section if part.startswith(heading))
    for name, value in VALUES.items():
        body = body.replace(name, value)
    return [
        (language, [line.strip() for line in block.splitlines()])
        for language, block in re.findall(r"^ *```(\w+)\n(.*?)^ *```", body, re.DOTALL | re.MULTILINE)
    ]


def as_an_account(project: Project, home: Path) -> None:
    """Take away the sandbox's own login; where Snowflake is has to stay."""
    for name in ("USER", "PASSWORD", "ROLE", "AUTHENTICATOR", "ACCOUNT", "WAREHOUSE", "DATABASE", "SCHEMA"):
        project.environment.pop(f"SNOWFLAKE_{name}", None)
    editor = home / "editor"
    replaced = [f"s/{name}/{value}/" for name, value in VALUES.items()]
    replaced += ["s/<DEPLOY_USER>/JOBGRAPH_PERSON/", "s/\\[<PERSON_WHO_RUNS_JOBS>\\]/[JOBGRAPH_PERSON]/"]
    editor.write_text(f'#!/bin/sh\nexec sed -i {shlex.quote("; ".join(replaced))} "$@"\n')
    editor.chmod(0o755)
    project.environment |= {"EDITOR": str(editor), "SNOWFLAKE_HOME": str(home)}


def test_every_line_works_from_an_empty_account_to_a_run(fresh: Project, tmp_path: Path) -> None:
    administrator = dict(fresh.environment)
    for name in ("Pulumi.account.yaml.example",):
        (fresh.folder / name).write_text((ROOT / name).read_text())
    home = tmp_path / "home"
    home.mkdir()
    as_an_account(fresh, home)

    def administrate(statements: list[str]) -> None:
        own, fresh.environment = fresh.environment, administrator
        for statement in statements:
            fresh.query(statement)
        fresh.environment = own

    for language, lines in blocks("From an empty account"):
        if language == "bash":
            done = fresh.run("bash", "-euo", "pipefail", "-c", "\n".join(lines))
        elif language == "sql":
            script = (fresh.folder / "deployer.sql").read_text().splitlines()
            administrate([text for line in script if (text := line.partition("--")[0].strip().rstrip(";"))])
            key = "".join((fresh.folder / "rsa_key.pub").read_text().splitlines()[1:-1])
            administrate([line.rstrip(";").replace("<RSA_KEY_PUB>", key) for line in lines])
        else:
            place = {"host": "SNOWFLAKE_HOST", "protocol": "SNOWFLAKE_PROTOCOL", "port": "SNOWFLAKE_PORT"}
            more = [f'{key} = "{fresh.environment[name]}"' for key, name in place.items()]
            (home / "connections.toml").write_text("\n".join([*lines, *more]) + "\n")
            (home / "connections.toml").chmod(0o600)
    assert "DONE" in done.stdout
    administrate([line.rstrip(";") for language, lines in blocks("CI") if language == "sql" for line in lines])
    fresh.environment = administrator
    check_what_the_run_left(fresh)


def check_what_the_run_left(project: Project) -> None:
    """Six tables with a row each, an attempt of each job with the pushed image, and the states of all tasks."""
    for number in range(1, 7):
        ((*columns,),) = project.query(f"SELECT * FROM {stack.PLACE}.RESULTS_{number}")
        assert columns == ["TIME", "'HELLO'"]
    rows = project.query(f"SELECT TASK_NAME, JOB_STATUS, ATTEMPT FROM {stack.PLACE}.JOBS_RUN_STATS ORDER BY TASK_NAME")
    assert [tuple(row.values()) for row in rows] == [(job, "DONE", 1) for job in JOBS]
    settings = yaml.safe_load((project.folder / "Pulumi.prod.yaml").read_text())["config"]["jobgraph:settings"]
    ran = project.query(f"SELECT DISTINCT IMAGE_DIGEST FROM {stack.PLACE}.JOBS_RUN_STATS")
    assert [row["IMAGE_DIGEST"] for row in ran] == [settings["image_digests"]["my_job_image:1.1.0"]]
    assert project.query(f"SHOW STAGES LIKE 'IMAGE_BUILD%' IN SCHEMA {stack.PLACE}") == []
    tasks = project.query(f"SELECT NAME, STATE FROM {stack.PLACE}.TASK_LOGGING_STATS ORDER BY NAME")
    assert [tuple(row.values()) for row in tasks] == [(name, "SUCCEEDED") for name in ("ROOT_TASK", *JOBS)]
