"""What `image build` and `image push` say: each message, and what was sent or run by then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jobgraph.errors import RunFailedError
from jobgraph.imaging import sources
from tests.jobgraph.cli.configuration import GOOD
from tests.jobgraph.cli.recorded import absent

if TYPE_CHECKING:
    from pathlib import Path

    from tests.jobgraph.cli.conftest import Invoke
    from tests.jobgraph.cli.recorded import ManualClock, Server

REGISTRY = "org-acc.registry.snowflakecomputing.com/db/public/images"
DIGEST = f"sha256:{'a' * 64}"
STACK = "config:\n  jobgraph:settings:\n    pools: {POOL: {instance_family: CPU_X64_XS}}\n"
REFERENCE = "my_job_image:1.0"


@pytest.fixture
def tag(project: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project with a stack, and one image with a folder; the tag of the image. There is no container engine."""
    (project / "jobconfig.yaml").write_text(GOOD.replace("my_job_image:latest", REFERENCE))
    (project / "Pulumi.dev.yaml").write_text(STACK)
    folder = project / "images" / "load"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text('FROM scratch\nLABEL org.opencontainers.image.title="my_job_image"\n')
    (project / "bin").mkdir()
    monkeypatch.setenv("PATH", str(project / "bin"))
    return sources.source(REFERENCE, "my_job_image", folder).tag


def engine(project: Path, name: str = "docker", *, fails: str = "") -> Path:
    """Put a container engine on the PATH, of which one word fails; returns the file that lists its calls."""
    log = project / f"{name}.log"
    program = project / "bin" / name
    program.write_text(f'#!/bin/sh\necho "$*" >> {log}\n[ "$1" != "{fails}" ] || exit 3\n')
    program.chmod(0o755)
    return log


def registry(server: Server, tag: str, *, pushed_after: int = 0) -> None:
    """Let the server have a repository that has the image from the n-th look on."""
    looks: list[str] = []

    def images(statement: Any) -> list[dict[str, Any]]:
        looks.append(statement.text)
        row = {"image_name": "MY_JOB_IMAGE", "tags": f"latest, {tag}", "digest": DIGEST}
        return [row] if len(looks) > pushed_after else []

    server.answers["SHOW IMAGE REPOSITORIES"] = [{"repository_url": REGISTRY}]
    server.answers["SHOW IMAGES IN"] = images


@pytest.mark.usefixtures("tag")
def test_a_build_without_an_engine_says_what_to_do(invoke: Invoke, project: Path) -> None:
    engine(project, fails="info")  # one that does not answer
    done = invoke("image", "build")
    assert done.exit_code == 2
    assert "there is no container engine on the PATH (docker, podman)" in done.stderr
    assert "install one; or use `jobgraph image push`, which builds inside Snowflake without one" in done.stderr


def test_a_build_says_what_it_has_built(tag: str, invoke: Invoke, project: Path) -> None:
    engine(project, "docker", fails="info")
    log = engine(project, "podman")
    done = invoke("image", "build", "load")
    assert done.stdout == f"{REFERENCE}: built as my_job_image:{tag}\n"
    assert log.read_text().splitlines()[1].startswith("build --platform linux/amd64 --tag")


@pytest.mark.parametrize(("word", "command"), [("build", ("image", "build")), ("push", ("image", "push", "-e", "dev"))])
def test_an_engine_that_fails_is_named_with_its_exit_code(  # noqa: PLR0917, PLR0913  # fixtures
    tag: str, invoke: Invoke, server: Server, project: Path, word: str, command: tuple[str, ...]
) -> None:
    registry(server, tag, pushed_after=9)
    engine(project, fails=word)
    done = invoke(*command)
    assert done.exit_code == 1
    assert f"docker {word} ended with 3; its output is above" in done.stderr


@pytest.mark.usefixtures("tag")
def test_images_without_a_folder_are_named_and_left_to_others(invoke: Invoke, project: Path) -> None:
    engine(project)
    text = GOOD.replace("my_job_image:latest", REFERENCE).replace("load: {}", 'load: {image: "other:2"}')
    (project / "jobconfig.yaml").write_text(text)
    done = invoke("image", "build")
    assert "other:2 has no folder below images/: it is not built here." in done.stderr
    refused = invoke("image", "build", "load")
    assert refused.exit_code == 2
    assert "none of these images has a folder" in refused.stderr
    remedy = refused.stderr.replace("\n", " ")
    assert "images with one: job_runtime, my_job_image" in remedy
    assert "it needs a Dockerfile below images/" in remedy


@pytest.mark.usefixtures("tag")
def test_an_unknown_job_is_named_with_those_that_there_are(invoke: Invoke) -> None:
    done = invoke("image", "build", "laod")
    assert done.exit_code == 2
    assert "there is no job 'laod'; perhaps you meant LOAD" in done.stderr
    assert "name one of LOAD, REPORT, or none for all of them" in done.stderr


@pytest.mark.usefixtures("tag")
def test_before_a_first_deploy_there_is_no_repository(invoke: Invoke, server: Server) -> None:
    answers: tuple[Any, ...] = (absent(), [])
    for answer in answers:
        server.answers["SHOW IMAGE REPOSITORIES"] = answer
        allowed = invoke("image", "push", "--if-there")
        assert allowed.exit_code == 0
        assert allowed.stderr == (
            "The image repository does not exist yet: the first deploy creates it. Then push, and deploy again.\n"
        )
        refused = invoke("image", "push")
        assert refused.exit_code == 2
        assert "the image repository does not exist yet" in refused.stderr
        assert "pulumi up creates it; then push" in refused.stderr


def test_a_push_says_the_digest_and_writes_it_once(tag: str, invoke: Invoke, server: Server, project: Path) -> None:
    registry(server, tag, pushed_after=1)
    log = engine(project)
    done = invoke("image", "push", "--environment", "dev")
    assert done.stdout == f"{REFERENCE}: my_job_image:{tag} {DIGEST}\n"
    assert done.stderr == "Pulumi.dev.yaml has the digests now: commit it, and deploy with pulumi up.\n"
    assert f'image_digests: {{"{REFERENCE}": "{DIGEST}"}}' in (project / "Pulumi.dev.yaml").read_text()
    assert [line.split()[0] for line in log.read_text().splitlines()] == ["info", "build", "push"]
    assert invoke("image", "push", "--environment", "dev").stderr == ""


def test_without_a_stack_the_digests_are_only_shown(tag: str, invoke: Invoke, server: Server, project: Path) -> None:
    (project / "Pulumi.dev.yaml").unlink()
    registry(server, tag)
    done = invoke("image", "push")
    assert done.stderr == (
        f"No stack has a file to which they could be written. image_digests: {{'{REFERENCE}': '{DIGEST}'}}\n"
    )


def test_the_digests_go_to_the_only_stack_without_naming_it(
    tag: str, invoke: Invoke, server: Server, project: Path
) -> None:
    registry(server, tag)
    assert invoke("image", "push").exit_code == 0
    assert f'image_digests: {{"{REFERENCE}": "{DIGEST}"}}' in (project / "Pulumi.dev.yaml").read_text()


def test_an_image_that_is_not_there_after_its_push_is_an_error(
    tag: str, invoke: Invoke, server: Server, project: Path
) -> None:
    registry(server, tag, pushed_after=9)
    engine(project)
    done = invoke("image", "push")
    assert done.exit_code == 1
    assert f"my_job_image:{tag} is not in {REGISTRY} although it was pushed" in done.stderr


@pytest.mark.parametrize(("words", "pool"), [((), "POOL"), (("--inside", "--pool", "OTHER"), "OTHER")])
def test_a_build_inside_says_where_and_waits(  # noqa: PLR0917, PLR0913  # fixtures
    tag: str, invoke: Invoke, server: Server, clock: ManualClock, project: Path, words: tuple[str, ...], pool: str
) -> None:
    registry(server, tag, pushed_after=1)
    if words:
        engine(project)
    states = iter(["PENDING", "RUNNING", "DONE"])
    server.answers |= {"^DESCRIBE SERVICE": lambda _: [{"status": next(states)}], "^(DROP|CREATE|PUT|EXECUTE)": []}
    done = invoke("image", "push", "--environment", "dev", *words)
    assert done.exit_code == 0, done.stderr
    assert done.stderr.startswith(f"{REFERENCE}: building inside Snowflake, on compute pool {pool} ...\n")
    assert clock.seconds == 3
    assert [statement.text.split()[0] for statement in server.sent if statement.text[:4] in {"DROP", "EXEC"}] == [
        "DROP",
        "EXECUTE",
        "DROP",
        "DROP",
    ]


def test_a_build_inside_that_fails_shows_the_end_of_its_log(tag: str, invoke: Invoke, server: Server) -> None:
    registry(server, tag, pushed_after=9)
    server.answers |= {
        "^DESCRIBE SERVICE": [{"status": "FAILED"}],
        "GET_SERVICE_LOGS": [{"LOG": "no space left"}],
        "^(DROP|CREATE|PUT|EXECUTE)": [],
    }
    done = invoke("image", "push", "--environment", "dev")
    assert done.exit_code == 1
    assert "my_job_image was not built: the job ended FAILED. The end of its log:" in done.stderr
    assert "no space left" in done.stderr


def test_a_pool_that_is_refused_is_snowflakes_error(tag: str, invoke: Invoke, server: Server) -> None:
    registry(server, tag, pushed_after=9)
    server.answers |= {"^EXECUTE": RunFailedError("Compute pool X does not exist"), "^(DROP|CREATE|PUT)": []}
    done = invoke("image", "push", "--pool", "X")
    assert done.exit_code == 1
    assert "Compute pool X does not exist" in done.stderr
