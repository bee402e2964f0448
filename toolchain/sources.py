"""The order in which the toolchain takes its parts: what is there, then what can be downloaded, then what can be made.

Pure: a function of what was found, without looking for anything itself.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Source(StrEnum):
    """Where a part of the toolchain comes from, in the words that `jobgraph doctor` shows."""

    PATH = "found on the PATH"
    PLUGINS = "found in the user's Pulumi plugins"
    DOWNLOAD = "downloaded"
    GO = "built by Go from its module"
    STAND_IN = "stand-in"
    MISSING = "missing"


@dataclass(frozen=True)
class Component:
    """A part of the toolchain as it is on this machine.

    Attributes:
        component: The name of its file, such as `pulumi`.
        version: Its release without a leading `v`; empty where it does not say.
        path: Where it is; None when it is missing.
        source: Where it comes from.
    """

    component: str
    version: str
    path: Path | None
    source: Source


@dataclass(frozen=True)
class Machine:
    """What a search of the machine found of the command line.

    Attributes:
        on_path: A `pulumi` on the PATH that answered with a version, else None.
        cached: The one that an earlier setup installed for this user, if it answers with the pinned release, else None.
        go: The `go` command, else None.
    """

    on_path: Component | None
    cached: Component | None
    go: Path | None


def choose_command_line(machine: Machine) -> Component | tuple[Source, ...]:
    """Which `pulumi` to use: one that is there, or else the ways to get it, in the order to try them.

    The user's own command line wins over the cached one, whatever release it is: the project follows the machine.
    """
    installed = machine.on_path or machine.cached
    if installed:
        return installed
    return (Source.DOWNLOAD, Source.GO) if machine.go else (Source.DOWNLOAD,)


class Placement(StrEnum):
    """What the private PULUMI_HOME must hold for a plugin."""

    NOTHING = "the engine finds the real one by itself"
    LINK = "a link to the real one"
    LAUNCHER = "the stand-in's launcher"


def choose_plugin(
    ambient: Component | None, elsewhere: Component | None, stand_in: Component
) -> tuple[Component, Placement]:
    """Which file serves a plugin, and how the engine gets to it.

    Args:
        ambient: A real one on the PATH or beside `pulumi`; the engine prefers it to anything in a PULUMI_HOME.
        elsewhere: A real one that the engine does not find, in another PULUMI_HOME or in the cache.
        stand_in: Ours, for a machine that has neither.
    """
    if ambient:
        return ambient, Placement.NOTHING
    return (elsewhere, Placement.LINK) if elsewhere else (stand_in, Placement.LAUNCHER)


def first_line(version_output: str) -> str:
    """The release in what `pulumi version` printed, without its `v`; empty when it printed no release."""
    line = version_output.strip().splitlines()[0].strip() if version_output.strip() else ""
    return line.removeprefix("v") if line.startswith("v") and line[1:2].isdigit() else ""
