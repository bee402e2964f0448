"""Errors between this provider and Snowflake; their texts say what to do.

Knows the texts. Must not know how statements are sent, nor contain a password, a body or a literal.
"""

from typing import Any

_ABSENT = ("does not exist or not authorized", "Object does not exist, or operation cannot be performed")


class ProviderError(Exception):
    """A failure that the engine shows unchanged."""


class SnowflakeError(ProviderError):
    """Snowflake refused a statement.

    Attributes:
        errno: Snowflake's error number, 2003 for "does not exist".
        sqlstate: five characters, or "".
        reason: Snowflake's own text.
        subject: kind and object of the statement, never its body.
    """

    def __init__(self, errno: int, sqlstate: str, reason: str, subject: str = "") -> None:
        self.errno, self.sqlstate, self.reason, self.subject = errno, sqlstate, reason, subject
        super().__init__(f"Snowflake refused `{subject}`: {errno:06d} ({sqlstate or '-'}): {reason}")

    @property
    def absent(self) -> bool:
        """Whether the text says that the object does not exist; the official plugin also checks the text only."""
        return any(text in self.reason for text in _ABSENT)

    @property
    def absent_or_not_authorized(self) -> bool:
        """Whether the text is the more specific one, which some reads require as proof of absence."""
        return _ABSENT[0] in self.reason


class NoConnectionError(ProviderError):
    """Snowflake cannot be reached, or refuses the login."""

    def __init__(self, address: str, user: str, reason: str) -> None:
        super().__init__(
            f"Cannot connect to Snowflake at {address} as {user or '(no user)'}: {reason}\n"
            "For the sandbox: is it running (`jobgraph sandbox start`), and is this shell pointed at it "
            '(`eval "$(jobgraph sandbox env)"`)? For an account: look at the `snowflake:` settings of the stack and at '
            "SNOWFLAKE_ORGANIZATION_NAME, SNOWFLAKE_ACCOUNT_NAME, SNOWFLAKE_USER and the credentials."
        )


class NotThereError(ProviderError):
    """An object that a statement needs does not exist."""


class PartialFailureError(ProviderError):
    """The object exists, but a later step failed: the state must include it, so that the next run can complete it."""

    def __init__(self, resource_id: str, outputs: dict[str, Any], reason: str) -> None:
        self.resource_id, self.outputs, self.reason = resource_id, outputs, reason
        super().__init__(reason)
