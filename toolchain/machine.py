"""Searches this machine for `pulumi`, its language host, the Snowflake plugin and Go.

Knows their possible places (the PATH, the cache of an earlier setup, the user's own Pulumi plugins). Does not decide
which to use (sources.py), and changes nothing.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from jobgraph.toolchain import layout
from jobgraph.toolchain.sources import Component, Source, first_line

ANSWER_SECONDS = 30.0
"""How long `pulumi version` may take; it needs a tenth of a second."""

GO_INSTALLED = "/usr/local/go/bin"
"""Where Go's own archive goes by its instructions, which leave the PATH to the user."""


def cached_folder(cache: Path) -> Path:
    """Return the folder of the command line that setup installs for a user; it contains the release."""
    return cache / f"pulumi-{layout.pulumi_version()}"


def ask_version(command: Path) -> str:
    """Return the release that a `pulumi` reports, without its `v`; empty if it does not run or reports no release."""
    quiet = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        answer = subprocess.run(
            [command, "version"], env=quiet, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""  # cannot run on this machine, or hangs
    return first_line(answer.stdout) if answer.returncode == 0 else ""


def command_line_on_path(search: str, cache: Path) -> tuple[Component | None, Path | None]:
    """Return the `pulumi` on the PATH if it works; otherwise the path of one that does not, for a note.

    One in our own cache does not count: an activated shell has it on the PATH, but it is not the user's own.
    """
    path = shutil.which("pulumi", path=_without(search, cache))
    if path is None:
        return None, None
    release = ask_version(Path(path))
    return (Component("pulumi", release, Path(path), Source.PATH), None) if release else (None, Path(path))


def cached_command_line(cache: Path) -> Component | None:
    """Return the command line of an earlier setup, if it reports the pinned release; otherwise None."""
    folder = cached_folder(cache) / "bin"
    path = folder / "pulumi"
    if not path.exists() or ask_version(path) != layout.pulumi_version():
        return None
    # The official archive contains the language host; a build by Go has only the command line.
    source = Source.DOWNLOAD if (folder / layout.LANGUAGE_HOST).exists() else Source.GO
    return Component("pulumi", layout.pulumi_version(), path, source)


def find_go(search: str) -> Path | None:
    """Return the `go` command on the PATH, or in the default folder of its installer."""
    go = shutil.which("go", path=search) or shutil.which("go", path=GO_INSTALLED)
    return Path(go) if go else None


def beside(command_line: Component) -> Component | None:
    """Return the language host in the folder of `pulumi`, where the official archives have it and the engine looks."""
    if command_line.path is None:
        return None
    path = command_line.path.resolve().parent / layout.LANGUAGE_HOST
    return Component(layout.LANGUAGE_HOST, command_line.version, path, command_line.source) if path.exists() else None


def on_path(file_name: str, search: str) -> Component | None:
    """Return a plugin on the PATH; its release is unknown."""
    path = shutil.which(file_name, path=search)
    return Component(file_name, "", Path(path), Source.PATH) if path else None


def in_plugins(homes: list[Path], file_name: str, release: str) -> Component | None:
    """Return a plugin of exactly this release that Pulumi itself installed into one of the homes."""
    for home in homes:
        path = layout.plugin_folder(home, file_name, release) / file_name
        if path.exists():
            return Component(file_name, release, path, Source.PLUGINS)
    return None


def user_homes(environment: Mapping[str, str], private: Path) -> list[Path]:
    """Return the user's PULUMI_HOMEs: the one that is set, unless it is a clone's private one, and ~/.pulumi."""
    home = environment.get("PULUMI_HOME")
    homes = [Path(home)] if home else []
    return [home for home in [*homes, layout.home_folder(environment) / ".pulumi"] if home != private]


def _without(search: str, cache: Path) -> str:
    return os.pathsep.join(part for part in search.split(os.pathsep) if not Path(part).is_relative_to(cache))
