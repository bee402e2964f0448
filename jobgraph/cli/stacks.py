"""The stacks of a Pulumi project: their files, their settings, and the configuration that each deploys.

Knows Pulumi.yaml and Pulumi.<stack>.yaml (pulumi.com/docs/iac/concepts/projects/project-file). Must not know what a
setting means, nor what is in a job configuration.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from jobgraph.account.stack_account import StackAccount, stack_account
from jobgraph.cli.application import CONFIGURATION
from jobgraph.config.document import check_keys
from jobgraph.config.reading import project_of
from jobgraph.errors import ConfigErrors, Mark, Problem, UsageError
from jobgraph.placeholders import REMEDY, issue, placeholders
from jobgraph.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT_FILE = "Pulumi.yaml"
_PACKAGE = "jobgraph"
_PROVIDER = "snowflake:"
# The rule of problems in Pulumi.yaml and Pulumi.<stack>.yaml.
OF_STACK = "stack-settings"


@dataclass(frozen=True)
class Stacks:
    """The stacks of the project in a folder. `namespaces` are the prefixes of the keys in a stack's file.

    `backend` is the place of their states that the project's file names; empty if it names none.
    """

    folder: Path
    stack_folder: Path
    namespaces: tuple[str, ...]
    defaults: dict[str, Any]
    backend: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the stacks that have a file, sorted."""
        files = self.stack_folder.glob("Pulumi.*.yaml")
        return tuple(sorted(file.stem.removeprefix("Pulumi.") for file in files))

    def selected(self, environment: Mapping[str, str]) -> str | None:
        """Return the stack that PULUMI_STACK names or `pulumi stack select` chose; None if it has no file here.

        Pulumi stores the choice below its home folder, in a file with the digest of the project's path in its name, for
        each backend (github.com/pulumi/pulumi, pkg/workspace/settings.go). Earlier versions stored one for all.
        """
        name = environment.get("PULUMI_STACK") or self._in_workspace(environment)
        # Pulumi may write a stack's full name, organization/project/stack
        stack = name.rpartition("/")[2]
        return stack if stack in self.names else None

    def _in_workspace(self, environment: Mapping[str, str]) -> str:
        home = Path(environment.get("PULUMI_HOME") or Path.home() / ".pulumi")
        path = str((self.folder / PROJECT_FILE).resolve())
        digest = hashlib.sha1(path.encode(), usedforsecurity=False).hexdigest()
        content = _json(home / "workspaces" / f"{self.namespaces[0]}-{digest}-workspace.json")
        of_backends = content.get("stacks")
        of_backends = of_backends if isinstance(of_backends, dict) else {}
        return str(of_backends.get(self._backend(environment, home)) or content.get("stack") or "")

    def _backend(self, environment: Mapping[str, str], home: Path) -> str:
        """Return the URL of the backend in use, in the order of the engine (pkg/workspace/creds.go)."""
        credentials = Path(environment.get("PULUMI_CREDENTIALS_PATH") or home) / "credentials.json"
        return environment.get("PULUMI_BACKEND_URL") or self.backend or str(_json(credentials).get("current") or "")

    def file(self, stack: str) -> Path:
        """Return the path of a stack's file, whether or not it exists."""
        return self.stack_folder / f"Pulumi.{stack}.yaml"

    def settings(self, stack: str) -> Settings | None:
        """Return the settings of a stack; None if it has no file.

        Raises:
            UsageError: if the file cannot be read, has wrong settings, or a value that nobody filled in.
        """
        file = self.file(stack)
        if not file.is_file():
            return None
        config = _config(file)
        if unfilled := _unfilled(file, (*(f"{name}:" for name in self.namespaces), _PROVIDER)):
            raise ConfigErrors(str(file), unfilled)
        return read_settings(self._value(config, "settings") or {}, str(file))

    def account(self, stack: str) -> StackAccount | None:
        """Return the account that a stack's file names; None if it names none or does not exist.

        Raises:
            UsageError: if the file cannot be read.
        """
        file = self.file(stack)
        if not file.is_file():
            return None
        keys = {**self.defaults, **_config(file)}
        provider = {key.removeprefix(_PROVIDER): value for key, value in keys.items() if key.startswith(_PROVIDER)}
        return stack_account(stack, str(file), provider)

    def role(self, stack: str) -> str:
        """Return the role that a stack's file names for the deploy; empty if it names none or does not exist.

        Raises:
            UsageError: if the file cannot be read.
        """
        keys = {**self.defaults, **(_config(self.file(stack)) if self.file(stack).is_file() else {})}
        role = keys.get(f"{_PROVIDER}role")
        return role if isinstance(role, str) else ""

    def configuration(self, stack: str | None) -> Path:
        """Return the path of the job configuration that a stack deploys; without a stack, the project's own.

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
    backend = project.get("backend")
    url = str(backend.get("url") or "") if isinstance(backend, dict) else ""
    return Stacks(folder, folder / str(project.get("stackConfigDir") or "."), (name, _PACKAGE), defaults, url)


def places_of_settings(file: Path) -> dict[str, tuple[int, int]]:
    """Return line and column of each setting in a stack's file; of settings that are one JSON text, none."""
    root = yaml.compose(file.read_bytes(), yaml.SafeLoader)
    config = _entries(_entries(root).get("config"))
    sections = (node for name, node in config.items() if name.rpartition(":")[2] == "settings")
    keys = [key for node in sections for key, _ in _pairs(node)]
    return {key.value: (key.start_mark.line + 1, key.start_mark.column + 1) for key in keys}


def _unfilled(file: Path, prefixes: tuple[str, ...]) -> list[Problem]:
    """Return the placeholders among the values of the keys with these prefixes, each with its place in the file."""
    root = yaml.compose(file.read_bytes(), yaml.SafeLoader)
    config = _entries(_entries(root).get("config"))
    return [
        Problem(
            Mark(str(file), scalar.start_mark.line + 1, scalar.start_mark.column + 1),
            OF_STACK,
            key,
            issue(names),
            REMEDY,
        )
        for key, node in config.items()
        if key.startswith(prefixes)
        for scalar in _scalars(node)
        if (names := placeholders(scalar.value))
    ]


def _scalars(node: yaml.Node) -> list[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        return [node]
    parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
    return [scalar for part in parts for scalar in _scalars(part)]


def _json(file: Path) -> dict[str, Any]:
    """Return the content of one of Pulumi's own files; nothing if it is absent or damaged."""
    try:
        content: Any = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _pairs(node: yaml.Node | None) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    return list(node.value) if isinstance(node, yaml.MappingNode) else []


def _entries(node: yaml.Node | None) -> dict[str, yaml.Node]:
    return {str(key.value): value for key, value in _pairs(node)}


def _config(file: Path) -> dict[str, Any]:
    config = _mapping(file).get("config") or {}
    if not isinstance(config, dict):
        raise _no_mapping(file)
    return config


def _mapping(file: Path) -> dict[str, Any]:
    try:
        text = file.read_bytes()
        check_keys(yaml.compose(text, yaml.SafeLoader), str(file))
        content: Any = yaml.safe_load(text) or {}
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read: {error}", where=str(file), remedy="correct the file") from error
    if not isinstance(content, dict):
        raise _no_mapping(file)
    return content


def _no_mapping(file: Path) -> UsageError:
    remedy = "write `config:`, and below it one line for each key: the key, a colon and its value"
    return UsageError("the settings of a stack must be a mapping below `config:`", where=str(file), remedy=remedy)
