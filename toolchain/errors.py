"""Errors of installing `pulumi` and its plugins on this machine; their texts say what to do.

Knows the texts and the exit code. Knows nothing of how anything is searched, downloaded or built.
"""

from collections.abc import Sequence
from pathlib import Path

from jobgraph.toolchain.layout import SETUP, setup_command

EXIT_CODE = 5
"""The exit code of every failure of the toolchain; 1 to 4 mean runs, usage, connection and time."""

INSTALL_HINT = (
    f"Do one of these, then run `{SETUP}` again:\n"
    "  - install the Pulumi command line and have it on the PATH: https://www.pulumi.com/docs/install/\n"
    "  - install Go 1.21 or newer, which then builds it: https://go.dev/doc/install\n"
    "  - let this machine reach https://get.pulumi.com (behind a proxy: set HTTPS_PROXY)"
)


class ToolchainError(Exception):
    """A part of the toolchain is missing or could not be installed; the text says what, where and what to do.

    Attributes:
        exit_code: The exit code of a command that shows this error.
    """

    exit_code = EXIT_CODE


class NotSetUpError(ToolchainError):
    """The project's toolchain is used before its setup has run, or after a part was removed."""

    def __init__(self, project: Path, reason: str) -> None:
        super().__init__(
            f"The Pulumi toolchain of {project} is not set up: {reason}.\nRun `{setup_command(project)}` in {project}; "
            "parts that are installed already are kept."
        )


class NoCommandLineError(ToolchainError):
    """A `pulumi` command line is not on the PATH, and can neither be downloaded nor built with Go."""

    def __init__(self, version: str, attempts: Sequence[str]) -> None:
        lines = "\n".join(f"  - {line}" for line in attempts)
        super().__init__(
            f"No way to get the Pulumi command line {version} onto this machine. Tried:\n{lines}\n{INSTALL_HINT}"
        )


class BuildError(ToolchainError):
    """Go is installed but failed to build the command line."""

    def __init__(self, command: str, exit_code: int, output: Sequence[str]) -> None:
        last = "\n".join(f"  {line}" for line in output) or "  (it said nothing)"
        super().__init__(
            f"Go could not build the Pulumi command line: `{command}` ended with exit code {exit_code}. "
            f"The end of its output:\n{last}\n"
            "Usual causes: the module proxy cannot be reached (see `go env GOPROXY`; behind a proxy set HTTPS_PROXY), "
            "the disk is full (about 3 GB are needed once), or Go is too old to fetch the version it needs.\n"
            f"Downloads and compiled packages are kept: `{SETUP}` continues from there."
        )


class WrongVersionError(ToolchainError):
    """A `pulumi` that was just installed reports another version than expected."""

    def __init__(self, path: Path, expected: str, answer: str) -> None:
        super().__init__(
            f"{path} should be Pulumi {expected} but answered `pulumi version` with: {answer or 'nothing'}.\n"
            f"Usual cause: a machine of another architecture, or a truncated download. Run `{SETUP}` again; if it "
            "happens again, install the command line yourself: https://www.pulumi.com/docs/install/"
        )


class PinMismatchError(ToolchainError):
    """The Go module and the Python requirements name different Pulumi releases."""

    def __init__(self, module: Path, pinned: str, sdk: str) -> None:
        super().__init__(
            f"{module} builds Pulumi {pinned}, but the installed Python SDK (see pyproject.toml) is {sdk}. "
            "They must be the same release.\n"
            f"In {module.parent}: `go get github.com/pulumi/pulumi/pkg/v3@v{sdk} && go mod tidy`."
        )


class NotWritableError(ToolchainError):
    """The toolchain cannot write to one of its folders."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(
            f"Cannot write to {folder}: {reason}.\n"
            "Make it writable or free some space, or choose another cache folder with XDG_CACHE_HOME, "
            f"and run `{SETUP}` again."
        )
