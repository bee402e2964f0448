"""What is no answer of an account's but a circumstance of this kit: a lost connection, a quota, a hang, its budget.

Knows the numbers of the connector's errors and of Snowflake's. Must not know what is asked.
"""

from __future__ import annotations

# The connector's own errors (snowflake.connector.errorcode); sessions and tokens that Snowflake does not know any more.
_CONNECTORS = range(250_000, 260_000)
_NO_SESSION = frozenset({390_111, 390_112, 390_113, 390_114, 390_195, 390_318})
# Resource monitors suspend warehouses: nothing that needs one is answered any more.
_QUOTA = 90_073
# Cancelled, no active warehouse, timed out, a privilege that the login lacks, a quota: never recorded for a case.
CIRCUMSTANCES = frozenset({604, 606, 630, 3001, _QUOTA})
# The seconds after which Snowflake ends a statement, and after which the connector gives up waiting.
STATEMENT_SECONDS, NETWORK_SECONDS = 180, 240


class StoppedError(Exception):
    """The kit asks no more. The text says why."""


def is_lost(errno: int | None) -> bool:
    """Whether an error says that the connection or its session is gone."""
    return errno in _CONNECTORS or errno in _NO_SESSION


def is_quota(errno: int | None) -> bool:
    """Whether an error says that the account's quota of credits is used up."""
    return errno == _QUOTA


def login_options() -> dict[str, object]:
    """Return the connector's parameters that keep a statement from hanging."""
    return {
        "network_timeout": NETWORK_SECONDS,
        "login_timeout": 60,
        "session_parameters": {"STATEMENT_TIMEOUT_IN_SECONDS": STATEMENT_SECONDS},
    }
