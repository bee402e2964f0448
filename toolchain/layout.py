"""The toolchain's folders, and the releases of its parts.

Knows names of folders and files, the pinned releases (those of the installed Python packages, so that only
pyproject.toml pins them) and how the engine names a plugin's folder. Reads nothing but the environment and the metadata
of packages.
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
    """Return the command that sets the toolchain up, as typed in a folder.

    In the clone it is `make`, because `jobgraph` may not be on the PATH yet. A project elsewhere has `jobgraph`, even
    if it is installed from the clone.
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
    """A Python package whose `pulumi-plugin.json` names the engine's plugin for it.

    Attributes:
        name: The plugin's name, such as `snowflake`.
        version: Its release, without a leading `v`.
        server: The server for downloads; empty for Pulumi's own.
    """

    name: str
    version: str
    server: str


def pulumi_version() -> str:
    """Return the release of Pulumi without a leading `v`, which is that of the installed SDK."""
    return version("pulumi")


def snowflake_version() -> str:
    """Return the release of the Snowflake provider without a leading `v`, which is that of the installed package."""
    return next((package.version for package in plugin_packages() if package.name == "snowflake"), "")


def plugin_packages() -> Iterator[Package]:
    """Yield the installed packages of resource plugins, sorted by folder; if two have the same plugin, the first.

    The plugin's version is in the file; if it is missing there, it is the package's version, as in Pulumi's own
    language host.
    """
    # an environment may see another one's packages: if created with --system-site-packages, or through a .pth file
    site_packages = {entry for entry in sys.path if Path(entry).name in {"site-packages", "dist-packages"}}
    own = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    folders = [*sorted(own), *sorted(site_packages - own)]
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
    """Return the Pulumi release that a go.mod requires, without a leading `v`; empty if there is none."""
    match = re.search(r"^\s*(?:require\s+)?github\.com/pulumi/pulumi/pkg/v3\s+v(\S+)", go_mod, re.MULTILINE)
    return match[1] if match else ""


def home_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the user's home folder, even if HOME is unset or empty (a bare container, a systemd unit)."""
    return Path(environment.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir)


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that all clones of this user share, `${XDG_CACHE_HOME:-~/.cache}/jobgraph`."""
    root = environment.get("XDG_CACHE_HOME")
    return (Path(root) if root else home_folder(environment) / ".cache") / "jobgraph"


def private_home(project: Path) -> Path:
    """Return the PULUMI_HOME of a clone, which makes it independent of the user's own ~/.pulumi."""
    return project / ".jobgraph" / "pulumi-home"


def plugin_folder(home: Path, file_name: str, release: str) -> Path:
    """Return the engine's folder for a plugin in a PULUMI_HOME: `plugins/resource-snowflake-v2.22.0`.

    The engine uses a plugin there without a warning. It warns of one on the PATH at each run ("using ... from $PATH"),
    also of language plugins, unless the plugin is in the same folder as `pulumi` itself.
    """
    return home / "plugins" / f"{file_name.removeprefix('pulumi-')}-v{release}"
