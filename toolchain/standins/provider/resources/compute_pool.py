"""snowflake.ComputePool (SQL contract, section 6.8).

Knows the statements and columns of compute pools. Must not know how statements are sent.
"""

from jobgraph.toolchain.standins.provider.cells import filled, flag_text, identifier, show_output, upper, whole
from jobgraph.toolchain.standins.provider.definition import (
    Change,
    Observation,
    Observed,
    Property,
    ResourceType,
    Statement,
    Statements,
    Values,
)
from jobgraph.toolchain.standins.provider.objects import Kind, alter, clauses, observe, run
from jobgraph.toolchain.standins.provider.properties import COMMENT
from jobgraph.toolchain.standins.provider.sql import boolean, number, requoted

KIND = Kind(
    name="COMPUTE POOL",
    plural="COMPUTE POOLS",
    between_sets=" ",
    columns="name state min_nodes# max_nodes# instance_family num_services# num_jobs# auto_suspend_secs# auto_resume? "
    "active_nodes# idle_nodes# target_nodes# created_on resumed_on updated_on owner comment is_exclusive? application",
)
PROPERTIES = (
    Property(name="name", replaces=True),
    Property(name="forApplication", replaces=True, normal=identifier, column="application", read=filled),
    Property(
        name="minNodes",
        sql="MIN_NODES",
        literal=number,
        form="number",
        required=True,
        column="min_nodes",
        read=whole,
    ),
    Property(
        name="maxNodes",
        sql="MAX_NODES",
        literal=number,
        form="number",
        required=True,
        column="max_nodes",
        read=whole,
    ),
    Property(
        name="instanceFamily",
        sql="INSTANCE_FAMILY",
        literal=upper,
        required=True,
        replaces=True,
        normal=upper,
        column="instance_family",
        read=filled,
    ),
    Property(
        name="autoResume",
        sql="AUTO_RESUME",
        literal=boolean,
        form="boolean text",
        column="auto_resume",
        read=flag_text,
        initial="true",
    ),
    Property(
        name="initiallySuspended",
        sql="INITIALLY_SUSPENDED",
        literal=boolean,
        form="boolean text",
        create_only=True,
    ),
    Property(
        name="autoSuspendSecs",
        sql="AUTO_SUSPEND_SECS",
        literal=number,
        form="number",
        column="auto_suspend_secs",
        read=whole,
        initial=3600,
    ),
    COMMENT,
)


def _create(values: Values) -> Observation:
    words = [f"CREATE COMPUTE POOL {KIND.full_name(values)}"]
    if values.get("forApplication"):
        words.append(f"FOR APPLICATION {requoted(values['forApplication'])}")
    yield Statement(" ".join([*words, *clauses(PROPERTIES, values)]), creates=True)
    return (yield from _read(values))


def _read(values: Values) -> Observation:
    live = yield from observe(KIND, PROPERTIES, KIND.parts(values))
    if live is None:
        return None
    rows = yield Statement(f"DESCRIBE COMPUTE POOL {KIND.full_name(values)}")
    described = [show_output(f"{KIND.columns} error_code status_message", row) for row in rows]
    outputs = live.outputs | {"describeOutputs": described}
    # a list that a pool only has if created with it, which is not supported here
    outputs |= {
        name: [output | {"backupInstanceFamilies": []} for output in value]
        for name, value in outputs.items()
        if isinstance(value, list)
    }
    return Observed(live.values, outputs)


def _update(change: Change) -> Observation:
    yield from run(alter(KIND, PROPERTIES, change, KIND.full_name(change.news)))
    return (yield from _read(change.news))


def _delete(values: Values) -> Statements:
    target = KIND.full_name(values)
    yield Statement(f"ALTER COMPUTE POOL IF EXISTS {target} STOP ALL")
    yield Statement(f"DROP COMPUTE POOL IF EXISTS {target}")


RESOURCE = ResourceType(
    token="snowflake:index/computePool:ComputePool",  # noqa: S106  # a type token
    label="snowflake_compute_pool",
    properties=PROPERTIES,
    computed=("describeOutputs", "fullyQualifiedName", "showOutputs"),
    identity=KIND.bare_name,
    full_name=KIND.full_name,
    parse=KIND.parse,
    create=_create,
    read=_read,
    update=_update,
    delete=_delete,
)
