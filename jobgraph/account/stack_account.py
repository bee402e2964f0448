"""The account that a stack's file names, and whether a login leads there.

Knows how accounts are named (docs.snowflake.com/en/user-guide/admin-account-identifier). Must not know where the file
is, nor open a connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.account.login import address, is_local
from jobgraph.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

# What `jobgraph sandbox env` names as the account.
SANDBOX = "LOCAL-SANDBOX"
UNSET = "unset $(env | grep -o '^SNOWFLAKE_[A-Z_]*')"


class WrongAccountError(UsageError):
    """The login leads to another account than the stack's, so a command would read or change the wrong one."""


@dataclass(frozen=True)
class StackAccount:
    """What a stack's file says of its account. `host` is empty unless the file names one."""

    stack: str
    file: str
    organization: str
    account: str
    host: str = ""

    @property
    def name(self) -> str:
        """Organization and account, as the connector takes them."""
        return f"{self.organization}-{self.account}"


def stack_account(stack: str, file: str, settings: Mapping[str, Any]) -> StackAccount | None:
    """Return the account that the provider's settings of a stack name; None if they do not name it in full.

    settings: by the provider's names, without `snowflake:`. Values that are encrypted are no text, and count as absent.
    """
    keys = ("organizationName", "accountName", "host")
    organization, account, host = (value if isinstance(value := settings.get(key), str) else "" for key in keys)
    return StackAccount(stack, file, organization, account, host) if organization and account else None


def check(stack: StackAccount, options: Mapping[str, Any], connection: str | None = None) -> None:
    """Refuse the connector's parameters that do not lead to a stack's account.

    An account locator (xy12345.eu-central-1) names no organization, so it cannot be compared and is accepted.

    Raises:
        WrongAccountError: they name another account, or a server of this machine where the stack is not the sandbox's.
    """
    named = _normal(str(options.get("account", "")))
    is_sandbox = is_local(options) and not stack.host and _normal(stack.name) != SANDBOX
    if not is_sandbox and ("-" not in named or named == _normal(stack.name)):
        return
    reached = f"the sandbox, {address(options)}" if is_local(options) else f"account {options.get('account')}"
    if connection:
        cause, remedy = f"Connection {connection!r} is one to another account.", "Name one that leads to"
    else:
        cause = (
            "The SNOWFLAKE_* variables of this shell, or the default connection, are those of another account;"
            ' eval "$(jobgraph sandbox env)" sets them for the sandbox.'
        )
        remedy = f"Use a new shell, or run: {UNSET}; then set the variables of, or give jobgraph a `--connection` to,"
    raise WrongAccountError(
        f"stack {stack.stack} belongs to account {stack.name}, but this shell leads to {reached}",
        where=stack.file,
        cause=cause,
        remedy=f"{remedy} {stack.name}.",
    )


def _normal(account: str) -> str:
    """Return an account's name without its region or `privatelink`: in host names, `_` is `-`."""
    return account.partition(".")[0].upper().replace("_", "-")
