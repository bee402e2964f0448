"""The connection by which hooks of the engine ask Snowflake and tell it something, apart from the provider's own.

Knows where the provider has its login from. Must not know any statement. Of the components, only this one uses the
`jobgraph` command's client, and only when a hook is called: it takes a second to load, and few deploys need it.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Ask = Callable[[str], list[dict[str, Any]]]

# What the plugin reads from the stack's settings before it looks into the environment, by the variable's name.
_SETTINGS = {
    "SNOWFLAKE_ORGANIZATION_NAME": "organizationName",
    "SNOWFLAKE_ACCOUNT_NAME": "accountName",
    "SNOWFLAKE_USER": "user",
    "SNOWFLAKE_PASSWORD": "password",
    "SNOWFLAKE_AUTHENTICATOR": "authenticator",
    "SNOWFLAKE_TOKEN": "token",
    "SNOWFLAKE_ROLE": "role",
    "SNOWFLAKE_HOST": "host",
    "SNOWFLAKE_PORT": "port",
    "SNOWFLAKE_PROTOCOL": "protocol",
    "SNOWFLAKE_PRIVATE_KEY": "privateKey",
    "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "privateKeyPassphrase",
}


@contextmanager
def connected() -> Iterator[Ask]:
    """Log in as the plugin does, by the stack's settings first, then by the environment.

    Yields the function that sends a statement and returns its rows, by the names of their columns.
    """
    from jobgraph.account.client import Choice, connect  # noqa: PLC0415  # see above
    from jobgraph.account.queries import Statement  # noqa: PLC0415  # likewise

    settings = pulumi.Config("snowflake")
    given = {name: value for name, key in _SETTINGS.items() if (value := settings.get(key))}
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **given}
        # the command reads it and the plugin does not, so it may name another account than the stack's
        environment.pop("SNOWFLAKE_ACCOUNT", None)
        if key := environment.get("SNOWFLAKE_PRIVATE_KEY"):
            # the connector reads keys from files only; the folder is readable by its owner only, and goes at once
            path = Path(folder) / "key.p8"
            path.write_text(key)
            environment["SNOWFLAKE_PRIVATE_KEY_PATH"] = str(path)
        client = connect(Choice(environment=environment))
        try:
            yield lambda text: client.rows(Statement(text))
        finally:
            client.close()
