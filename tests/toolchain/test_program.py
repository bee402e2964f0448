import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc  # type: ignore[import-untyped]  # ships no types
import pulumi
import pytest
from pulumi.runtime.proto import language_pb2

from jobgraph.toolchain.standins.language_host import refusal
from jobgraph.toolchain.standins.program import Program, describe

HOST_FILES = ("toolchain/", "runpy", "asyncio", "pulumi/runtime/stack.py")


class RpcFailed(grpc.RpcError, grpc.Call):  # type: ignore[misc]  # gRPC's own errors are both, too
    """What a call to an engine raises."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "the details"


@contextmanager
def written(folder: Path, source: str) -> Iterator[Program]:
    """A program; what its run changes for the whole process is put back."""
    (folder / "__main__.py").write_text(source, encoding="utf-8")
    path, arguments = list(sys.path), list(sys.argv)
    try:
        yield Program(folder, ".")
    finally:
        sys.path[:], sys.argv[:] = path, arguments


def failure(folder: Path, source: str) -> BaseException:
    """What a program raises when it is run as the host runs it."""
    with written(folder, source) as program, pytest.raises(BaseException) as caught:  # noqa: PT011  # each has its own
        program.run()
    started_by_this_test = caught.value.__traceback__
    return caught.value.with_traceback(started_by_this_test and started_by_this_test.tb_next)


def shown(folder: Path, source: str) -> str:
    return describe(failure(folder, source), folder) or ""


def test_a_bug_shows_the_programs_own_lines_only(tmp_path: Path) -> None:
    text = shown(tmp_path, "def f(x):\n    return {}[x]\nf('k')\n")

    assert text.startswith("Program failed with an unhandled exception:\nTraceback (most recent call last):\n")
    assert text.count('File "') == 2
    assert f'File "{tmp_path}/__main__.py", line 3, in <module>' in text
    assert text.endswith("KeyError: 'k'")


def test_a_cause_keeps_its_own_lines(tmp_path: Path) -> None:
    text = shown(tmp_path, "try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('b') from e\n")

    assert text.index("KeyError") < text.index("direct cause") < text.index("ValueError: b")
    assert not any(host in text for host in HOST_FILES)


def test_a_syntax_error_names_the_line_and_nothing_of_ours(tmp_path: Path) -> None:
    text = shown(tmp_path, "x = 1\ny = (\n")

    assert f'File "{tmp_path}/__main__.py", line 2' in text
    assert text.count('File "') == 1


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import pulumi; raise pulumi.RunError('jobconfig.yaml:3: no such job')", "jobconfig.yaml:3: no such job"),
        ("import sys; sys.exit('bad thing')", "bad thing"),
        ("import sys; sys.exit(3)", "The program ended with exit code 3."),
    ],
)
def test_a_message_to_the_user_stands_alone(source: str, message: str, tmp_path: Path) -> None:
    assert shown(tmp_path, source) == message


@pytest.mark.parametrize("code", ["", "0", "None"])
def test_an_exit_without_a_failure_is_none(code: str, tmp_path: Path) -> None:
    with written(tmp_path, f"raise SystemExit({code})") as program:
        program.run()  # a failure would be raised


def test_an_engine_that_has_ended_is_not_the_programs_failure() -> None:
    error = pulumi.RunError("Resource monitor has terminated, shutting down")
    error.__context__ = RpcFailed(grpc.StatusCode.UNAVAILABLE)

    assert describe(error, Path("/p")) is None
    assert describe(RpcFailed(grpc.StatusCode.UNAVAILABLE), Path("/p")) is None
    assert describe(RpcFailed(grpc.StatusCode.INTERNAL), Path("/p")) == "RPC error: the details"


def test_the_program_sees_what_python_would_show_it(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("name = 'beside'")
    (tmp_path / "__main__.py").write_text("import sys, beside\nprint(__name__, sys.argv, sys.path[0], beside.name)")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from jobgraph.toolchain.standins.program import *; Program(Path({str(tmp_path)!r}), '.').run()",
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == f"__main__ ['{tmp_path}'] {tmp_path} beside\n"


@pytest.mark.parametrize(("entry", "expected"), [(".", "__main__.py"), ("app.py", "app.py")])
def test_a_program_that_is_not_there_is_named(entry: str, expected: str, tmp_path: Path) -> None:
    assert f"{tmp_path}/{expected} does not exist" in (Program(tmp_path, entry).missing() or "")
    (tmp_path / expected).touch()
    assert Program(tmp_path, entry).missing() is None


def test_another_virtual_environment_is_refused_and_ours_is_not(tmp_path: Path) -> None:

    request = language_pb2.RunRequest()
    request.info.root_directory = str(tmp_path)
    assert refusal(request) is None
    request.info.options["virtualenv"] = sys.prefix
    assert refusal(request) is None
    request.info.options["virtualenv"] = "other"
    assert f"{tmp_path}/other" in (refusal(request) or "")


def test_a_debugger_is_refused() -> None:

    assert "--attach-debugger" in (refusal(language_pb2.RunRequest(attach_debugger=True)) or "")
