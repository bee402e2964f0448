"""Where the toolchain keeps its files, and which releases it is about.

Knows folder and file names, the pinned releases (those of the installed Python packages, so there is one place that
pins them: pyproject.toml) and how the engine names a plugin's folder. Touches no file but the environment
and the packages' metadata.
"""

import json
import os
import pwd
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import jobgraph

CODE = Path(jobgraph.__file__).resolve().parents[1]
"""The folder that holds the package `jobgraph`: what a launcher needs on Python's path."""


def setup_command(folder: Path) -> str:
    """Return the command that sets the toolchain up, as it is typed in a folder.

    In the clone it is make's, where `jobgraph` may not be on the PATH yet. A project elsewhere has `jobgraph`, also if
    that is installed from the clone.
    """
    return "make setup" if folder.resolve() == CODE and (CODE / "Makefile").is_file() else "jobgraph setup"


SETUP = setup_command(Path.cwd())
"""The command that sets up the toolchain of the folder in which this process was started."""

GO_MODULE = Path(__file__).resolve().parent / "pulumi_cli"
GO_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
LANGUAGE_HOST = "pulumi-language-python"
SNOWFLAKE_PLUGIN = "pulumi-resource-snowflake"
PLUGIN_VARIABLE = "JOBGRAPH_SNOWFLAKE_PLUGIN"
"""With the value `stand-in`, a setup takes the stand-in where the official plugin could be had too: for tests of it."""


@dataclass(frozen=True)
class Package:
    """A Python package that names the engine's plugin behind it, in its `pulumi-plugin.json`.

    Attributes:
        name: Name of the plugin, such as `snowflake`.
        version: Its release, without a leading `v`.
        server: Where the engine may download it, empty for Pulumi's own place.
    """

    name: str
    version: str
    server: str


def pulumi_version() -> str:
    """The release of Pulumi, without a leading `v`: that of the installed SDK."""
    return version("pulumi")


def snowflake_version() -> str:
    """The release of the Snowflake provider, without a leading `v`: that of the installed package."""
    return next((package.version for package in plugin_packages() if package.name == "snowflake"), "")


def plugin_packages() -> Iterator[Package]:
    """The installed packages that stand for a resource plugin, sorted by folder; of two for one plugin, the first.

    The file's own version is the plugin's; a package without one has the plugin's version itself, as Pulumi's own
    language host reads it.
    """
    # an environment may see packages of another one: made with --system-site-packages, or by a .pth file
    others = {entry for entry in sys.path if Path(entry).name in {"site-packages", "dist-packages"}}
    own = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    folders = [*sorted(own), *sorted(others - own)]
    names = set[str]()
    for path in (path for folder in folders for path in sorted(Path(folder).glob("*/pulumi-plugin.json"))):
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("resource"):
            name = content.get("name") or path.parent.name.removeprefix("pulumi_").replace("_", "-")
            release = content.get("version") or version(path.parent.name)
            if name not in names:
                yield Package(name, release.removeprefix("v"), content.get("server", ""))
            names.add(name)


def module_version(go_mod: str) -> str:
    """The release of the Pulumi command line that a go.mod's text requires, without a leading `v`; empty if none."""
    match = re.search(r"^\s*(?:require\s+)?github\.com/pulumi/pulumi/pkg/v3\s+v(\S+)", go_mod, re.MULTILINE)
    return match[1] if match else ""


def home_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The user's home folder, also where HOME is unset or empty (a bare container, a systemd unit)."""
    return Path(environment.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir)


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder that every clone of this user shares, `${XDG_CACHE_HOME:-~/.cache}/jobgraph`."""
    root = environment.get("XDG_CACHE_HOME")
    return (Path(root) if root else home_folder(environment) / ".cache") / "jobgraph"


def private_home(project: Path) -> Path:
    """The PULUMI_HOME of a clone, so that nothing in the user's own ~/.pulumi is touched or depended on."""
    return project / ".jobgraph" / "pulumi-home"


def plugin_folder(home: Path, file_name: str, release: str) -> Path:
    """Where the engine looks for a plugin in a PULUMI_HOME: `plugins/resource-snowflake-v2.22.0`.

    A plugin that lies there gives no warning; on the PATH the engine warns about it at each run ("using ... from
    $PATH"), for language plugins too, unless it lies in the same folder as `pulumi` itself.
    """
    return home / "plugins" / f"{file_name.removeprefix('pulumi-')}-v{release}"
