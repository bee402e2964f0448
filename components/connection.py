"""The connection through which the engine's hooks query and change Snowflake, separate from the provider's own.

Knows where the provider gets its login from. Must not know any statement. This is the only component that uses the
`jobgraph` command's client. It imports the client only when a hook is called: loading takes a second, and few deploys
need it.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pulumi

from jobgraph.account.stack_account import check, stack_account
from jobgraph.deploy.refusals import lacking
from jobgraph.errors import UsageError, UserError
from jobgraph.placeholders import REMEDY, issue, placeholders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Ask = Callable[[str], list[dict[str, Any]]]

# Environment variable -> the stack setting that the plugin reads before that variable.
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
# Environment variable -> the property of an explicit provider, whose class uses Python's naming.
_PROPERTIES = {name: re.sub("([A-Z])", r"_\1", key).lower() for name, key in _SETTINGS.items()}
# `get_provider` needs a resource type; any type of this provider gives the same answer.
_ANY_RESOURCE = "snowflake:index/task:Task"


class Login:
    """How hooks log in: the same way as the provider of the component's resources.

    That is the explicit provider passed to the component, or else the default provider, which reads the stack's
    settings. Both fall back to environment variables for missing values. `role` is the deploying role. It is empty
    with an explicit provider, because its role is not known before the resources are registered.

    Raises:
        RunError: The stack names an account, but the environment leads to the sandbox.
    """

    def __init__(self, component: pulumi.Resource, name: str = "jobgraph") -> None:
        self._name = name
        self._variables: dict[str, str] | None = None
        self._settings: pulumi.Output[Any] | None = None
        self.role = pulumi.Config("snowflake").get("role") or os.environ.get("SNOWFLAKE_ROLE") or ""
        provider = component.get_provider(_ANY_RESOURCE)
        if provider is None:
            _check_account()
        else:
            self.role = ""
            # `port` is an output like the others, but the provider's class has no property for it
            values = {name: provider.__dict__.get(key) for name, key in _PROPERTIES.items()}
            self._settings = pulumi.Output.all(**values).apply(self._keep)

    @property
    def known(self) -> pulumi.Output[Any]:
        """Resolves once the settings of an explicit provider are known. In a preview that may never happen."""
        # not created in the constructor: there, the output would outlive its program and the next program would wait
        # for it
        return pulumi.Output.from_input(None) if self._settings is None else self._settings

    @cached_property
    def refused(self) -> pulumi.ErrorHook:
        """The error hook for grants: it names the privilege that the deploying role lacks."""
        return pulumi.ErrorHook(
            f"{self._name}: name the privilege that is lacking",
            lambda arguments: tell_what_is_lacking(arguments, self.role),
        )

    def _keep(self, values: Mapping[str, Any]) -> None:
        """Store the explicit provider's settings. They resolve before its resources do, and so before any hook runs."""
        self._variables = {name: str(value) for name, value in values.items() if value}

    @contextmanager
    def connected(self) -> Iterator[Ask]:
        """Log in and yield a function that sends a statement and returns its rows as mappings by column name."""
        settings = pulumi.Config("snowflake")
        stack = {name: value for name, key in _SETTINGS.items() if (value := settings.get(key))}
        with _connected(stack if self._variables is None else self._variables) as ask:
            yield ask


def _check_account() -> None:
    """Refuse values that nobody filled in, and an environment that sends the stack of an account to the sandbox.

    The provider takes the account from the stack, but the host from SNOWFLAKE_HOST, as `jobgraph sandbox env` sets it.

    Raises:
        RunError: The text says what to do.
    """
    settings, stack = pulumi.Config("snowflake"), pulumi.get_stack()
    values = {key: settings.get(key) for key in ("organizationName", "accountName", "host")}
    unfilled = [
        f"snowflake:{key}: {issue(names)}"
        for key in _SETTINGS.values()
        if (names := placeholders(settings.get(key) or ""))
    ]
    if unfilled:
        remedy = f"{REMEDY}; `jobgraph validate --environment {stack}` shows the lines"
        raise pulumi.RunError(str(UsageError("; ".join(unfilled), where=f"Pulumi.{stack}.yaml", remedy=remedy)))
    account = stack_account(stack, f"Pulumi.{stack}.yaml", values)
    if account is None:
        return
    variables = {key: os.environ.get(f"SNOWFLAKE_{key.upper()}", "") for key in ("host", "port")}
    try:
        check(account, {**variables, "account": account.name})
    except UserError as error:
        raise pulumi.RunError(str(error)) from None


@contextmanager
def _connected(variables: Mapping[str, str]) -> Iterator[Ask]:
    from jobgraph.account.client import ConnectionChoice, connect  # noqa: PLC0415  # see above
    from jobgraph.account.queries import Statement  # noqa: PLC0415  # likewise

    environment = {**os.environ, **variables}
    # the command reads this variable but the plugin does not, so it may name an account other than the stack's
    environment.pop("SNOWFLAKE_ACCOUNT", None)
    client = connect(ConnectionChoice(environment=environment))
    try:
        yield lambda text: client.rows(Statement(text))
    finally:
        client.close()


def tell_what_is_lacking(arguments: pulumi.ErrorHookArgs, role: str) -> bool:
    """Warn which privilege is missing if that is why a step failed. Return False, so that the step is not retried."""
    inputs = arguments.new_inputs or arguments.old_inputs or {}
    text = lacking(arguments.type, inputs, arguments.errors, role, pulumi.get_stack())
    if text is not None:
        pulumi.warn(text)
    return False
