"""The order of preference for parts of the toolchain: those on the machine, then downloads, then builds.

Pure: a function of the search results; it does not search.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Source(StrEnum):
    """Where a part of the toolchain comes from, as `jobgraph doctor` shows it."""

    PATH = "found on the PATH"
    PLUGINS = "found in the user's Pulumi plugins"
    DOWNLOAD = "downloaded"
    GO = "built by Go from its module"
    STAND_IN = "stand-in"
    MISSING = "missing"


@dataclass(frozen=True)
class Component:
    """A part of the toolchain on this machine.

    Attributes:
        component: The name of its file, such as `pulumi`.
        version: Its release without a leading `v`; empty if unknown.
        path: Its path; None if it is missing.
        source: Where it comes from.
    """

    component: str
    version: str
    path: Path | None
    source: Source


@dataclass(frozen=True)
class Machine:
    """The command lines and Go on this machine.

    Attributes:
        on_path: A `pulumi` on the PATH that reported a version; otherwise None.
        cached: The one that an earlier setup installed for this user, if it reports the pinned release; otherwise None.
        go: The `go` command; otherwise None.
    """

    on_path: Component | None
    cached: Component | None
    go: Path | None


def choose_command_line(machine: Machine) -> Component | tuple[Source, ...]:
    """Return the `pulumi` to use; if there is none, the ways to get it, in the order in which to try them.

    The user's own command line has priority over the cached one, whatever its release: the project follows the machine.
    """
    installed = machine.on_path or machine.cached
    if installed:
        return installed
    return (Source.DOWNLOAD, Source.GO) if machine.go else (Source.DOWNLOAD,)


class Placement(StrEnum):
    """What the private PULUMI_HOME must contain for a plugin."""

    NOTHING = "the engine finds the real one by itself"
    LINK = "a link to the real one"
    LAUNCHER = "the stand-in's launcher"


def choose_plugin(
    ambient: Component | None, elsewhere: Component | None, stand_in: Component
) -> tuple[Component, Placement]:
    """Return the file that serves a plugin, and how the engine finds it.

    Args:
        ambient: A real plugin on the PATH or beside `pulumi`; the engine prefers it to any in a PULUMI_HOME.
        elsewhere: A real plugin that the engine does not find, in another PULUMI_HOME or in the cache.
        stand_in: Our stand-in, for a machine that has neither.
    """
    if ambient:
        return ambient, Placement.NOTHING
    return (elsewhere, Placement.LINK) if elsewhere else (stand_in, Placement.LAUNCHER)


def first_line(version_output: str) -> str:
    """Return the release in the output of `pulumi version`, without its `v`; empty if there is none."""
    line = version_output.strip().splitlines()[0].strip() if version_output.strip() else ""
    return line.removeprefix("v") if line.startswith("v") and line[1:2].isdigit() else ""
