"""The privileges of each kind of object, which GRANT accepts and ALL PRIVILEGES stands for.

Knows names only (docs: user-guide/security-access-control-privileges).
"""

from __future__ import annotations

_IN_SCHEMA = (
    "ALERT",
    "SNOWFLAKE.CORE.BUDGET",
    "FILE FORMAT",
    "FUNCTION",
    "IMAGE REPOSITORY",
    "NETWORK RULE",
    "PROCEDURE",
    "SECRET",
    "SEQUENCE",
    "SERVICE",
    "STAGE",
    "STREAMLIT",
    "TABLE",
    "TASK",
    "VIEW",
    # Kinds that the sandbox lacks but whose privileges deployments grant along with those of other kinds.
    "DYNAMIC TABLE",
    "EXTERNAL TABLE",
    "GIT REPOSITORY",
    "MATERIALIZED VIEW",
    "MODEL",
    "NOTEBOOK",
    "PIPE",
    "SNAPSHOT",
    "STREAM",
    "TEMPORARY TABLE",
)

_BY_KIND: dict[str, frozenset[str]] = {
    "ACCOUNT": frozenset(
        {
            *(
                f"CREATE {kind}"
                for kind in ("COMPUTE POOL", "DATABASE", "INTEGRATION", "NETWORK POLICY", "ROLE", "USER", "WAREHOUSE")
            ),
            "APPLY TAG",
            "BIND SERVICE ENDPOINT",
            "EXECUTE ALERT",
            "EXECUTE MANAGED ALERT",
            "EXECUTE MANAGED TASK",
            "EXECUTE TASK",
            "IMPORT SHARE",
            "MANAGE GRANTS",
            "MANAGE WAREHOUSES",
            "MODIFY LOG LEVEL",
            "MODIFY TRACE LEVEL",
            "MONITOR",
            "MONITOR EXECUTION",
            "MONITOR USAGE",
        }
    ),
    "DATABASE": frozenset({"CREATE DATABASE ROLE", "CREATE SCHEMA", "MODIFY", "MONITOR", "USAGE"}),
    "SCHEMA": frozenset(
        {f"CREATE {kind}" for kind in _IN_SCHEMA} | {"MODIFY", "MONITOR", "USAGE", "ADD SEARCH OPTIMIZATION"}
    ),
    "WAREHOUSE": frozenset({"APPLYBUDGET", "MODIFY", "MONITOR", "OPERATE", "USAGE"}),
    "COMPUTE POOL": frozenset({"APPLYBUDGET", "MODIFY", "MONITOR", "OPERATE", "USAGE"}),
    "IMAGE REPOSITORY": frozenset({"READ", "WRITE"}),
    "STAGE": frozenset({"READ", "USAGE", "WRITE"}),
    "TABLE": frozenset(
        {"APPLYBUDGET", "DELETE", "EVOLVE SCHEMA", "INSERT", "REFERENCES", "SELECT", "TRUNCATE", "UPDATE"}
    ),
    "VIEW": frozenset({"REFERENCES", "SELECT"}),
    "PROCEDURE": frozenset({"USAGE"}),
    "FUNCTION": frozenset({"USAGE"}),
    "TASK": frozenset({"APPLYBUDGET", "MONITOR", "OPERATE"}),
    "SERVICE": frozenset({"MONITOR", "OPERATE", "USAGE"}),
    "SECRET": frozenset({"READ", "USAGE"}),
    "SEQUENCE": frozenset({"USAGE"}),
    "FILE FORMAT": frozenset({"USAGE"}),
    "NETWORK RULE": frozenset({"USAGE"}),
    "STREAMLIT": frozenset({"USAGE"}),
    "ALERT": frozenset({"MONITOR", "OPERATE"}),
    "USER": frozenset({"MONITOR"}),
    "ROLE": frozenset(),
}
_INTEGRATION = frozenset({"USAGE", "USE_ANY_ROLE"})


def of_kind(kind: str) -> frozenset[str]:
    """Return every privilege of a kind of object except OWNERSHIP; empty for a kind without privileges."""
    return _INTEGRATION if kind.endswith("INTEGRATION") else _BY_KIND.get(kind, frozenset())
