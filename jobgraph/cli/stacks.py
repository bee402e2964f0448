"""What a Pulumi project says of its stacks: their files, their settings, and the configuration that each deploys.

Knows Pulumi.yaml and Pulumi.<stack>.yaml (pulumi.com/docs/iac/concepts/projects/project-file). Must not know what a
setting means, nor what is in a job configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from jobgraph.cli.application import CONFIGURATION
from jobgraph.config.reading import project_of
from jobgraph.errors import UsageError
from jobgraph.settings import Settings, read_settings

if TYPE_CHECKING:
    from pathlib import Path

PROJECT_FILE = "Pulumi.yaml"
_PACKAGE = "jobgraph"


@dataclass(frozen=True)
class Stacks:
    """The stacks of the project in a folder. `namespaces` begin the keys of its configuration."""

    folder: Path
    stack_folder: Path
    namespaces: tuple[str, ...]
    defaults: dict[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """The stacks that have a file, sorted."""
        files = self.stack_folder.glob("Pulumi.*.yaml")
        return tuple(sorted(file.stem.removeprefix("Pulumi.") for file in files))

    def file(self, stack: str) -> Path:
        """Return where the file of a stack is, or would be."""
        return self.stack_folder / f"Pulumi.{stack}.yaml"

    def settings(self, stack: str) -> Settings | None:
        """Return the settings of a stack; `None` if it has no file.

        Raises:
            UsageError: if the file cannot be read, or says what cannot be used.
        """
        file = self.file(stack)
        if not file.is_file():
            return None
        return read_settings(self._value(_config(file), "settings") or {}, str(file))

    def configuration(self, stack: str | None) -> Path:
        """Return the job configuration that a stack deploys; without a stack, the project's own.

        Raises:
            UsageError: if the stack's file cannot be read.
        """
        config = _config(self.file(stack)) if stack is not None and self.file(stack).is_file() else {}
        name = self._value(config, "file") or self._value(self.defaults, "file")
        return self.folder / (name if isinstance(name, str) and name else CONFIGURATION)

    def _value(self, config: dict[str, Any], key: str) -> Any:
        return next((config[f"{space}:{key}"] for space in self.namespaces if f"{space}:{key}" in config), None)


def stacks_of(path: Path) -> Stacks:
    """Return the stacks of the project that a file belongs to.

    Raises:
        UsageError: if the project's file cannot be read.
    """
    folder = project_of(path)
    project = _mapping(folder / PROJECT_FILE) if (folder / PROJECT_FILE).is_file() else {}
    name = str(project.get("name") or _PACKAGE)
    config = project.get("config")
    defaults = {
        key if ":" in key else f"{name}:{key}": value.get("value", value.get("default"))
        if isinstance(value, dict)
        else value
        for key, value in (config if isinstance(config, dict) else {}).items()
    }
    return Stacks(folder, folder / str(project.get("stackConfigDir") or "."), (name, _PACKAGE), defaults)


def _config(file: Path) -> dict[str, Any]:
    config = _mapping(file).get("config") or {}
    if not isinstance(config, dict):
        raise _no_mapping(file)
    return config


def _mapping(file: Path) -> dict[str, Any]:
    try:
        content: Any = yaml.safe_load(file.read_bytes()) or {}
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read: {error}", where=str(file), remedy="correct the file") from error
    if not isinstance(content, dict):
        raise _no_mapping(file)
    return content


def _no_mapping(file: Path) -> UsageError:
    remedy = "write `config:`, and on the lines below it keys, a colon and their values"
    return UsageError("the settings of a stack are a mapping below `config:`", where=str(file), remedy=remedy)
