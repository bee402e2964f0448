"""Secrets and volumes of jobs: variables, files at their paths, shared folders, privileges, what is not seen."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.services import launcher
from snowflake_sandbox.services.spec import parse

from tests.sandbox.services.conftest import ASYNC, Jobs, job

VALUE = "s3cr'et \u2603 value"
STAGE = "CREATE STAGE FILES ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')"


@cache
def mounts_work() -> bool:
    """Whether this system lets a process make mounts of its own."""
    if platform.system() != "Linux":
        return False
    tried = [sys.executable, "-c", "from snowflake_sandbox.services.launcher import Mounting as M; M('/tmp').enter()"]
    return subprocess.run(tried, check=False, cwd=Path(__file__).parents[3], stderr=subprocess.DEVNULL).returncode == 0


def secret(name: str, **more: str) -> dict[str, Any]:
    return {"snowflakeSecret": {"objectName": name}, **more}


def mount(name: str, path: str) -> dict[str, str]:
    return {"name": name, "mountPath": path}


LOCAL = [{"name": "v", "source": "local"}]
# Where the program finds what is mounted at a path, with mounts and without.
AT = "import os; at = lambda p: p if os.path.exists(p) else os.environ['SANDBOX_ROOT'] + p; "


@pytest.fixture
def secrets(jobs: Jobs) -> Jobs:
    jobs.run(
        "CREATE SECRET TOKEN TYPE = GENERIC_STRING SECRET_STRING = '" + VALUE.replace("'", "\\'") + "'",
        "CREATE SECRET LOGIN TYPE = PASSWORD USERNAME = 'u' PASSWORD = 'p4ss'",
    )
    return jobs


def test_a_secret_as_variable_and_as_files(secrets: Jobs) -> None:
    read = AT + "d = at('/usr/local/creds'); print(sorted(os.listdir(d)), repr(open(d + '/secret_string').read()))"
    show = "; print(oct(os.stat(d + '/secret_string').st_mode & 0o777), repr(os.environ['TOKEN']), os.environ['PW'])"
    given = [
        secret("D.S.TOKEN", envVarName="TOKEN", secretKeyRef="secret_string"),
        secret("login", envVarName="PW", secretKeyRef="password"),
        {"snowflakeSecret": "token", "directoryPath": "/usr/local/creds"},
    ]
    secrets.run(job("J", "python", read + show, secrets=given))
    assert secrets.log("J") == f"['secret_string'] {VALUE!r}\n0o600 {VALUE!r} p4ss\n"


def test_a_login_as_files(secrets: Jobs) -> None:
    program = AT + "d = at('/creds/login'); print({n: open(f'{d}/{n}').read() for n in sorted(os.listdir(d))})"
    secrets.run(job("J", "python", program, secrets=[secret("LOGIN", directoryPath="/creds/login")]))
    assert secrets.log("J") == "{'password': 'p4ss', 'username': 'u'}\n"


def test_a_value_is_nowhere_but_in_the_container(secrets: Jobs, tmp_path: Path) -> None:
    given = [secret("TOKEN", directoryPath="/creds")]
    given.append(secret("LOGIN", envVarName="PW", secretKeyRef="password"))
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    secrets.run(job("J", "wait", str(gate), options=ASYNC, secrets=given))
    shown: list[Any] = [secrets.rows("DESCRIBE SERVICE J"), secrets.rows("SHOW SERVICE CONTAINERS IN SERVICE J")]
    gate.write_text("go")
    assert secrets.end("J") == "DONE"
    shown += [
        secrets.rows(statement)
        for statement in (
            "SHOW SECRETS",
            "DESCRIBE SECRET TOKEN",
            "SELECT * FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY())",
            "SELECT * FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY())",
        )
    ]
    assert "s3cr" not in str(shown)
    assert "p4ss" not in str(shown)
    left = [path for path in secrets.folder.rglob("*") if path.is_file() and path.parent.name != "secrets"]
    assert left
    assert not [path for path in left if b"s3cr" in path.read_bytes() or b"p4ss" in path.read_bytes()]


def test_what_a_role_may_not_read_it_does_not_get(secrets: Jobs) -> None:
    secrets.run(STAGE, "CREATE ROLE R1", "GRANT USAGE ON DATABASE D TO ROLE R1", "GRANT USAGE ON SCHEMA D.S TO ROLE R1")
    secrets.run("GRANT CREATE SERVICE ON SCHEMA D.S TO ROLE R1", "GRANT USAGE ON COMPUTE POOL P TO ROLE R1")
    secrets.run("GRANT READ ON IMAGE REPOSITORY D.S.R TO ROLE R1")
    session = logins.open_session(
        secrets.world, logins.ADMINISTRATOR, "R1", warehouse="FOR_EVERYBODY", database="D", schema="S"
    )
    given = [secret("TOKEN", envVarName="T", secretKeyRef="secret_string")]
    volumes = [{"name": "v", "source": "stage", "stageConfig": {"name": "@FILES"}}]
    with_secret = job("J", "lines", "1", secrets=given)
    with_stage = job("K", "lines", "1", volumes=volumes, volumeMounts=[mount("v", "/data")])
    assert secrets.error(with_secret, session).errno in (2003, 3001)
    assert secrets.error(with_stage, session).errno in (2003, 3001)
    secrets.run("GRANT READ ON SECRET TOKEN TO ROLE R1", "GRANT READ ON STAGE FILES TO ROLE R1")
    secrets.rows(with_secret, session)
    secrets.rows(with_stage, session)


def test_a_secret_that_went_before_its_container_started(secrets: Jobs, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    secrets.run(job("B", "wait", str(tmp_path / "gate"), options=ASYNC, resources={"requests": {"cpu": 1}}))
    given = [secret("TOKEN", envVarName="T", secretKeyRef="secret_string")]
    secrets.run(job("J", "lines", "1", options=ASYNC, secrets=given), "DROP SECRET TOKEN", "CALL B!SPCS_CANCEL_JOB()")
    assert secrets.end("J") == "FAILED"
    assert "Secret 'D.S.TOKEN' does not exist" in secrets.container("J")["message"]
    # Nor is there anything left that the container would have logged in with.
    assert not list((tmp_path / "sandbox" / "services").glob("*/0-main"))
    with secrets.world.store.transaction() as tx:
        assert not tx.rows("SELECT * FROM oauth_token WHERE service = 'J'")


@pytest.mark.skipif(not mounts_work(), reason="this system lets no process make mounts")
@pytest.mark.parametrize("path", ["/data/deep/er", "/usr/local/somewhere", "/opt"])
def test_a_volume_is_at_its_path_for_its_container_alone(jobs: Jobs, path: str) -> None:
    before = set(Path("/").iterdir())
    program = f"import os; d = '{path}'; open(d + '/new', 'w').write('x'); print(os.listdir(d), os.getcwd())"
    jobs.run(job("J", "python", program, volumes=LOCAL, volumeMounts=[mount("v", path)]))
    assert jobs.log("J").startswith(f"['new'] {jobs.folder.resolve()}")
    assert set(Path("/").iterdir()) == before
    assert not Path(path, "new").exists()
    assert not list((jobs.folder / "services").rglob("volumes"))


def test_containers_of_an_instance_share_volumes_and_instances_do_not(jobs: Jobs) -> None:
    program = AT + "open(at('/shared') + f'/{os.getpid()}', 'w').close(); print(len(os.listdir(at('/shared'))))"
    spec = {
        "containers": [
            {
                "name": name,
                "image": "/d/s/r/test_image",
                "args": ["python", program if name == "a" else "pass"],
                "volumeMounts": [mount("v", "/shared")],
            }
            for name in ("a", "b")
        ],
        "volumes": [{"name": "v", "source": "memory", "size": "1Gi"}],
    }
    text = json.dumps({"spec": spec})
    jobs.run(f"EXECUTE JOB SERVICE IN COMPUTE POOL P NAME = J REPLICAS = 2 FROM SPECIFICATION $${text}$$")
    logs = [jobs.rows(f"SELECT SYSTEM$GET_SERVICE_LOGS('J', '{n}', 'a') AS L")[0]["L"] for n in range(2)]
    assert logs == ["1\n", "1\n"]


@pytest.mark.parametrize(
    "source", [{"source": "stage", "stageConfig": {"name": "@D.S.FILES/in"}}, {"source": "@files/in"}]
)
def test_a_stage_is_shared_both_ways(jobs: Jobs, source: dict[str, Any]) -> None:
    jobs.run(STAGE, "CREATE TABLE T (A VARCHAR)", "INSERT INTO T VALUES ('from the stage')")
    jobs.run("COPY INTO @FILES/in/rows.csv FROM T SINGLE = TRUE FILE_FORMAT = (TYPE = CSV COMPRESSION = NONE)")
    program = AT + "d = at('/data'); print(open(d + '/rows.csv').read()); open(d + '/out', 'w').write('from the job')"
    jobs.run(job("J", "python", program, volumes=[{"name": "v", **source}], volumeMounts=[mount("v", "/data")]))
    assert "from the stage" in jobs.log("J")
    assert "files/in/out" in [row["name"] for row in jobs.rows("LIST @FILES")]


def test_who_may_only_read_a_stage_changes_nothing_in_it(jobs: Jobs) -> None:
    jobs.run(STAGE, "CREATE ROLE R1", "GRANT USAGE ON DATABASE D TO ROLE R1", "GRANT USAGE ON SCHEMA D.S TO ROLE R1")
    jobs.run("GRANT CREATE SERVICE ON SCHEMA D.S TO ROLE R1", "GRANT USAGE ON COMPUTE POOL P TO ROLE R1")
    jobs.run("GRANT READ ON IMAGE REPOSITORY D.S.R TO ROLE R1", "GRANT READ ON STAGE FILES TO ROLE R1")
    session = logins.open_session(
        jobs.world, logins.ADMINISTRATOR, "R1", warehouse="FOR_EVERYBODY", database="D", schema="S"
    )
    volumes = [{"name": "v", "source": "stage", "stageConfig": {"name": "@FILES"}}]
    jobs.run("GRANT ROLE R1 TO ROLE SYSADMIN")
    program = AT + "open(at('/data') + '/out', 'w').write('x')"
    jobs.rows(job("J", "python", program, options=ASYNC, volumes=volumes, volumeMounts=[mount("v", "/data")]), session)
    assert jobs.end("J") == ("FAILED" if mounts_work() else "DONE")
    assert not mounts_work() or "Read-only file system" in jobs.log("J")
    assert jobs.rows("LIST @FILES") == []


@pytest.mark.parametrize("path", [str(Path(sys.prefix).parent), str(Path(sys.executable).resolve().parents[1])])
def test_what_the_sandbox_runs_from_is_not_hidden(jobs: Jobs, path: str) -> None:
    error = jobs.error(job("J", "lines", "1", volumes=LOCAL, volumeMounts=[mount("v", path)]))
    assert f"Nothing can be mounted at {path}" in error.message


def test_without_mounts_the_log_says_what_is_where(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    launcher.tell_unmounted([], "no")
    assert capfd.readouterr().err == ""
    tried = [sys.executable, "-c", WITHOUT, str(tmp_path)]
    found = subprocess.run(tried, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert found.stderr == f"sandbox: no mount at /data on this system ([Errno 1] no); it is {tmp_path}\n"


WITHOUT = """
import sys
from snowflake_sandbox.services import launcher
def refuse(self):
    raise OSError(1, "no")
launcher.Mounting.enter = refuse
mounts = [(sys.argv[1], "/data", False)]
folders = {"workplace": sys.argv[1] + "/work", "temporary": sys.argv[1] + "/tmp"}
launcher.surround({**folders, "mounts": mounts, "hidden": [], "visible": [], "protected": []})
"""


@pytest.mark.parametrize(
    ("volumes", "mounts", "message"),
    [
        ([{"name": "../v", "source": "local"}], [], "spec.volumes[0].name: '../v' must be letters"),
        ([{"name": "v"}], [], "spec.volumes[0].source: '' is none of local, memory, block, stage"),
        ([{"name": "v", "source": "memory"}], [], "a memory volume needs one"),
        ([{"name": "v", "source": "local", "size": "1Gi"}], [], "a local volume takes none"),
        ([{"name": "v", "source": "stage"}], [], "stageConfig.name must be a stage"),
        ([*LOCAL, *LOCAL], [], "volume name 'v' is used more than once"),
        (LOCAL, [mount("w", "/data")], "there is no volume 'w' in spec.volumes. There are: v."),
        (LOCAL, [mount("v", "data")], "'data' is not an absolute path"),
        (LOCAL, [mount("v", "/a/../b")], "is not an absolute path"),
        (LOCAL, [mount("v", "/")], "is not an absolute path"),
        (LOCAL, [mount("v", "/d"), mount("v", "/d/")], "'/d' is used more than once"),
        ([{"name": "v", "source": "local", "colour": 1}], [], "unknown option 'colour'"),
        ([{"name": str(n), "source": "local"} for n in range(21)], [], "at most 20 volumes are allowed, 21 given"),
        ("x", [], "spec.volumes must be a list"),
    ],
)
def test_wrong_volumes(volumes: Any, mounts: Any, message: str) -> None:
    assert message in refusal(volumes=volumes, volumeMounts=mounts)


def refusal(volumes: Any = None, **container: Any) -> str:
    """What is wrong with a specification."""
    whole = {"containers": [{"name": "a", "image": "/d/s/r/x", **container}], "volumes": volumes}
    with pytest.raises(SnowflakeError) as raised:
        parse(json.dumps({"spec": whole}))
    return raised.value.message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (secret("X"), "must have either envVarName or directoryPath"),
        (secret("X", envVarName="A"), "secretKeyRef is for envVarName, which needs it"),
        (secret("X", directoryPath="/a", secretKeyRef="password"), "secretKeyRef is for envVarName"),
        (secret("X", envVarName="A", secretKeyRef="key"), "'key' is none of username"),
        ({"snowflakeSecret": {}, "directoryPath": "/a"}, "must name a secret"),
        ({"snowflakeSecret": {"objectReference": "r"}, "directoryPath": "/a"}, "objectReference is for applications"),
    ],
)
def test_wrong_secrets(given: dict[str, Any], message: str) -> None:
    assert message in refusal(secrets=[given])


def test_a_secret_must_be_there_and_have_the_key(secrets: Jobs) -> None:
    missing = secrets.error(job("J", secrets=[secret("X", directoryPath="/a")]))
    assert "Secret 'D.S.X' does not exist" in missing.message
    without = secrets.error(job("J", secrets=[secret("LOGIN", envVarName="A", secretKeyRef="secret_string")]))
    assert "of type PASSWORD has no secret_string" in without.message


def test_a_stage_without_server_side_encryption_is_refused(jobs: Jobs) -> None:
    jobs.run("CREATE STAGE PLAIN")
    error = jobs.error(job("J", volumes=[{"name": "v", "source": "@PLAIN"}], volumeMounts=[mount("v", "/data")]))
    assert "must have encryption SNOWFLAKE_SSE" in error.message


def test_an_unmounted_volume_is_no_problem() -> None:
    parsed = parse("spec: {containers: [{name: a, image: /d/s/r/x}], volumes: [{name: v, source: block, size: 1Gi}]}")
    assert (parsed.volumes[0].source, parsed.containers[0].mounts) == ("block", ())
