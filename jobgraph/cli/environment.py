"""The variables of an activated shell, and the files that go with them.

Knows how variables become shell text and a connections.toml, and where a clone keeps its Pulumi backend.
Must not know how the sandbox or the toolchain come by their own variables.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CONNECTION = "sandbox"
SANDBOX_PASSPHRASE = "local-sandbox"  # noqa: S105  # not a secret: see pulumi() below

# key of connections.toml -> variable that holds its value
_KEYS = {
    "account": "SNOWFLAKE_ACCOUNT",
    "host": "SNOWFLAKE_HOST",
    "port": "SNOWFLAKE_PORT",
    "protocol": "SNOWFLAKE_PROTOCOL",
    "user": "SNOWFLAKE_USER",
    "password": "SNOWFLAKE_PASSWORD",
    "role": "SNOWFLAKE_ROLE",
    "warehouse": "SNOWFLAKE_WAREHOUSE",
    "database": "SNOWFLAKE_DATABASE",
    "schema": "SNOWFLAKE_SCHEMA",
}


def exports(variables: Mapping[str, str]) -> str:
    """Return lines that a POSIX shell can evaluate, whatever the values hold."""
    return "".join(f"export {name}={quoted(value)}\n" for name, value in variables.items())


def quoted(value: str) -> str:
    """Return a word that every POSIX shell reads as `value`; always in quotes, so that all lines look alike."""
    return "'" + value.replace("'", "'\\''") + "'"


def connections(variables: Mapping[str, str]) -> str:
    """Return a connections.toml with the one connection that the variables describe."""
    lines = [f"[{CONNECTION}]"]
    for key, name in _KEYS.items():
        if name in variables:
            # A JSON string is a TOML basic string; ports are numbers in both.
            value = variables[name]
            lines.append(f"{key} = {value if key == 'port' else json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def pulumi(project: Path) -> dict[str, str]:
    """Return the variables that keep the sandbox's stack in the clone itself.

    The passphrase is the word that belongs to the salt in Pulumi.dev.yaml: with one of its own, every clone would
    change that committed file. It guards nothing, for a sandbox has no secrets.
    """
    return {
        # The engine writes a file of metadata beside each file of its state, and not in one step: killed in between, it
        # cannot read its state ever after (checkpoint: EOF). It does without them.
        "PULUMI_BACKEND_URL": (project / ".jobgraph" / "pulumi").as_uri() + "?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE": SANDBOX_PASSPHRASE,
    }


def write_private(path: Path, text: str) -> None:
    """Write a file that only the user may read, in one step: a reader sees the old text or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)
