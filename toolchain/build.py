"""Builds the Pulumi command line with Go from its own module, pinned by pulumi_cli/go.mod and go.sum.

Knows Go's commands, settings and output. Does not know where the result is installed.
"""

import os
import queue
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from jobgraph.toolchain import layout
from jobgraph.toolchain.errors import BuildError, PinMismatchError
from jobgraph.toolchain.progress import Reporter, Step

LAST_LINES = 15
IDLE_SECONDS = 5.0
VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"


def check_pin(go_module: Path, sdk: str) -> None:
    """Check that the Go module builds the release of the installed SDK.

    Raises:
        PinMismatchError: If it builds another release.
    """
    pinned = layout.module_version((go_module / "go.mod").read_text(encoding="utf-8"))
    if pinned != sdk:
        raise PinMismatchError(go_module / "go.mod", pinned, sdk)


def go_environment(environment: Mapping[str, str], cache: Path) -> dict[str, str]:
    """Return the environment for Go: the user's own, including GOFLAGS and GOPROXY, adapted to a bare machine.

    Without cgo, as in the official releases, no C compiler is needed. A `go.work` in a parent folder must have no
    effect. Go requires HOME unless its caches are set.
    """
    settled = {"CGO_ENABLED": "0", "GOWORK": "off"}
    if not environment.get("HOME"):
        settled |= {
            "GOPATH": environment.get("GOPATH") or str(cache / "go"),
            "GOCACHE": environment.get("GOCACHE") or str(cache / "go-build"),
        }
    return {**environment, **settled}


def build_command(go: Path, release: str, target: Path) -> list[str]:
    """Return the command that builds `pulumi`; `-trimpath` and verified sums make the result the same everywhere."""
    flags = f"-s -w -X {VERSION_VARIABLE}=v{release}"
    options = ["-mod=readonly", "-trimpath", "-ldflags", flags, "-o", str(target)]
    return [str(go), "build", "-v", *options, layout.GO_PACKAGE]


def list_command(go: Path) -> list[str]:
    """Return the command that downloads all modules of the build and prints the packages, one per line."""
    return [str(go), "list", "-mod=readonly", "-deps", layout.GO_PACKAGE]


def build(go: Path, target: Path, cache: Path, reporter: Reporter) -> None:
    """Build `pulumi` into a file. Go's caches keep what it downloaded and compiled, so a failed build can be resumed.

    Raises:
        BuildError: If Go failed.
        PinMismatchError: See `check_pin`.
    """
    release = layout.pulumi_version()
    check_pin(layout.GO_MODULE, release)
    environment = go_environment(os.environ, cache)
    with reporter.step("Go fetches the modules of the Pulumi command line") as step:
        packages = _run(list_command(go), environment, _Fetched(step))
    with reporter.step(f"Go builds the Pulumi command line {release}") as step:
        _run(build_command(go, release, target), environment, _Compiled(step, len(packages.splitlines())))


class _Fetched:
    """Counts the modules that `go list` downloads."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self._count = 0

    def line(self, line: str) -> None:
        if line.startswith("go: downloading "):
            self._count += 1
            self.step.update(f"{self._count} fetched, {line.split()[2]}")


class _Compiled:
    """Counts the packages that `go build -v` prints, which are those that were not in Go's cache."""

    def __init__(self, step: Step, total: int) -> None:
        self.step = step
        self._total, self._count = total, 0

    def line(self, line: str) -> None:
        if not line.startswith("go: "):
            self._count += 1
            self.step.update(line.strip(), self._count, self._total)


def _run(command: list[str], environment: Mapping[str, str], watcher: _Fetched | _Compiled) -> str:
    """Run Go in the pinned module, pass each line that it prints to a watcher, and return its standard output."""
    last: deque[str] = deque(maxlen=LAST_LINES)
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as output,
        subprocess.Popen(
            command, cwd=layout.GO_MODULE, env=environment, stdout=output, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        try:
            _watch(process, watcher, last)
        finally:
            process.terminate()  # after an interrupt, Go must not continue alone; no effect if it has ended
        if process.wait() != 0:
            raise BuildError(" ".join(command), process.returncode, last)
        output.seek(0)
        return output.read()


def _watch(process: subprocess.Popen[str], watcher: _Fetched | _Compiled, last: deque[str]) -> None:
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
    reader.start()
    while True:
        try:
            line = lines.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            watcher.step.tick()  # linking prints nothing for half a minute
            continue
        if line is None:
            return
        last.append(line.rstrip())
        watcher.line(line)


def _read(process: subprocess.Popen[str], lines: "queue.SimpleQueue[str | None]") -> None:
    for line in process.stderr or ():
        lines.put(line)
    process.wait()
    lines.put(None)
