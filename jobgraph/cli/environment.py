"""The environment variables of an activated shell, and the files that belong to them.

Knows how variables are written as shell text and as a connections.toml, and where a clone stores its Pulumi state.
Must not know how the sandbox and the toolchain choose their own variables.
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

# key of connections.toml -> environment variable with its value
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
    """Return lines that a POSIX shell can evaluate, whatever characters the values have."""
    return "".join(f"export {name}={quoted(value)}\n" for name, value in variables.items())


def quoted(value: str) -> str:
    """Return `value` quoted for a POSIX shell; always in quotes, unlike shlex.quote, so that all lines look alike."""
    return "'" + value.replace("'", "'\\''") + "'"


def connections(variables: Mapping[str, str]) -> str:
    """Return a connections.toml with one connection, which the variables describe."""
    lines = [f"[{CONNECTION}]"]
    for key, name in _KEYS.items():
        if name in variables:
            # A JSON string is a TOML basic string; ports are numbers in both.
            value = variables[name]
            lines.append(f"{key} = {value if key == 'port' else json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def pulumi(project: Path) -> dict[str, str]:
    """Return the variables that make Pulumi store the sandbox's stack in the clone.

    The passphrase matches the salt in Pulumi.dev.yaml: if every clone had its own, each would change that committed
    file. It protects nothing, because a sandbox has no secrets.
    """
    return {
        # The engine writes a metadata file beside each state file, but not atomically: if it is killed in between, it
        # can never read its state again (checkpoint: EOF). It works without these files.
        "PULUMI_BACKEND_URL": (project / ".jobgraph" / "pulumi").as_uri() + "?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE": SANDBOX_PASSPHRASE,
    }


def write_private(path: Path, text: str) -> None:
    """Write a file that only the user may read, atomically: a reader sees either the old text or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)
