"""The connection through which the engine's hooks query and change Snowflake, separate from the provider's own.

Knows where the provider has its login from. Must not know any statement. Of the components, only this one uses the
`jobgraph` command's client, and only when a hook is called: it takes a second to load, and few deploys need it.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pulumi

from jobgraph.deploy.refusals import lacking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

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
    "SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER": "workloadIdentityProvider",
}
# The same of an explicit provider: its class names properties as Python does.
_PROPERTIES = {name: re.sub("([A-Z])", r"_\1", key).lower() for name, key in _SETTINGS.items()}
# Which resource of the provider is asked for does not matter.
_ANY_RESOURCE = "snowflake:index/task:Task"


class Login:
    """How hooks log in: as the provider of a component's resources does.

    That is the explicit provider that the component was given, else the default one, which reads the stack's settings.
    Either reads the environment for what it was not told. `role` is the role that deploys; empty if an explicit
    provider has it, for then it is not known before the resources are registered.
    """

    def __init__(self, component: pulumi.Resource, name: str = "jobgraph") -> None:
        self._name = name
        self._variables: dict[str, str] | None = None
        self._settings: pulumi.Output[Any] | None = None
        self.role = pulumi.Config("snowflake").get("role") or os.environ.get("SNOWFLAKE_ROLE") or ""
        provider = component.get_provider(_ANY_RESOURCE)
        if provider is not None:
            self.role = ""
            # `port` is an output like the others, but the provider's class has no property for it
            values = {name: provider.__dict__.get(key) for name, key in _PROPERTIES.items()}
            self._settings = pulumi.Output.all(**values).apply(self._keep)

    @property
    def known(self) -> pulumi.Output[Any]:
        """Settled when the settings of an explicit provider are known, which in a preview they may never be."""
        # not made in the constructor: an output outlives its program there, and the next one waits for it
        return pulumi.Output.from_input(None) if self._settings is None else self._settings

    @cached_property
    def refused(self) -> pulumi.ErrorHook:
        """The hook of grants: it names the privilege that the deploying role lacks for them."""
        return pulumi.ErrorHook(
            f"{self._name}: name the privilege that is lacking",
            lambda arguments: tell_what_is_lacking(arguments, self.role),
        )

    def _keep(self, values: Mapping[str, Any]) -> None:
        """Keep the explicit provider's settings; they are there before its resources are, and so before any hook."""
        self._variables = {name: str(value) for name, value in values.items() if value}

    @contextmanager
    def connected(self) -> Iterator[Ask]:
        """Log in; yields the function that sends a statement and returns its rows, by the names of their columns."""
        settings = pulumi.Config("snowflake")
        stack = {name: value for name, key in _SETTINGS.items() if (value := settings.get(key))}
        with _connected(stack if self._variables is None else self._variables) as ask:
            yield ask


@contextmanager
def _connected(variables: Mapping[str, str]) -> Iterator[Ask]:
    from jobgraph.account.client import ConnectionChoice, connect  # noqa: PLC0415  # see above
    from jobgraph.account.queries import Statement  # noqa: PLC0415  # likewise

    environment = {**os.environ, **variables}
    # the command reads it and the plugin does not, so it may name another account than the stack's
    environment.pop("SNOWFLAKE_ACCOUNT", None)
    client = connect(ConnectionChoice(environment=environment))
    try:
        yield lambda text: client.rows(Statement(text))
    finally:
        client.close()


def tell_what_is_lacking(arguments: pulumi.ErrorHookArgs, role: str) -> bool:
    """Name the privilege for want of which a step was refused, if that is why it failed; never has it tried again."""
    inputs = arguments.new_inputs or arguments.old_inputs or {}
    text = lacking(arguments.type, inputs, arguments.errors, role)
    if text is not None:
        pulumi.warn(text)
    return False
