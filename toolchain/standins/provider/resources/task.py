"""snowflake.Task (SQL contract, section 6.15).

Knows the statements of tasks and their order; a graph's root is suspended around every change. Must not know how
statements are sent. The order is defined here; `task_properties` has the properties.
"""

from typing import Any

from jobgraph.toolchain.standins.provider.cells import filled, show_output
from jobgraph.toolchain.standins.provider.definition import (
    Change,
    Failure,
    Observation,
    Observed,
    Pause,
    ResourceType,
    Row,
    Statement,
    Statements,
    Values,
)
from jobgraph.toolchain.standins.provider.errors import NotThereError
from jobgraph.toolchain.standins.provider.objects import (
    clauses,
    columns_read,
    set_items,
    show,
    unset_items,
    with_parameters,
)
from jobgraph.toolchain.standins.provider.sql import identifier_parts, quoted, requoted
from jobgraph.toolchain.standins.provider.tasks.task_graph import (
    TASK,
    Parts,
    is_started,
    listed,
    relations,
    resume,
    show_task,
    suspend_roots,
)
from jobgraph.toolchain.standins.provider.tasks.task_properties import (
    AFTER_FINALIZE,
    AFTER_SESSION,
    BEFORE_SESSION,
    CLAUSES,
    PROPERTIES,
    SESSION_PARAMETERS,
)

_START_PAUSES_SECONDS = (0.1, 0.2, 0.4, 0.8)
"""Between the five looks at a resumed task; the official plugin waits five seconds each time."""


def _check(values: Values) -> list[Failure]:
    problems = []
    for name, conflicts in (("schedule", ("afters", "finalize")), ("finalize", ("afters",))):
        problems += [
            Failure(name, f"`{name}` and `{conflict}` exclude each other.")
            for conflict in conflicts
            if values.get(name) and values.get(conflict)
        ]
    for name, units in (
        ("schedule", ("hours", "minutes", "seconds", "usingCron")),
        ("targetCompletionInterval", ("hours", "minutes", "seconds")),
    ):
        if values.get(name) is not None and sum(values[name].get(unit) is not None for unit in units) != 1:
            problems.append(Failure(name, f"give exactly one of {', '.join(units)}."))
    if values.get("warehouse") and values.get("userTaskManagedInitialWarehouseSize"):
        problems.append(
            Failure("warehouse", "`warehouse` and `userTaskManagedInitialWarehouseSize` exclude each other.")
        )
    return problems


def _show_parameters(values: Values) -> Statement:
    return Statement(f"SHOW PARAMETERS IN TASK {TASK.full_name(values)}")


def _names(names: Any) -> str:
    return ", ".join(requoted(name) for name in names)


def _create_text(values: Values) -> str:
    words = [f"CREATE TASK {TASK.full_name(values)}", *clauses(BEFORE_SESSION, values)]
    session = ", ".join(clauses(SESSION_PARAMETERS, values))
    words += [session] if session else []
    words += clauses(AFTER_SESSION, values)
    if values.get("finalize"):
        words.append(f"FINALIZE = {requoted(values['finalize'])}")
    words += clauses(AFTER_FINALIZE, values)
    if values.get("afters"):
        words.append(f"AFTER {_names(values['afters'])}")
    if values.get("when"):
        words.append(f"WHEN {values['when']}")
    return " ".join([*words, f"AS {values['sqlStatement']}"])


def _create(values: Values) -> Observation:
    own, suspended = TASK.parts(values), list[Parts]()
    try:
        for name in values.get("afters") or ():
            yield from suspend_roots(identifier_parts(name), own, suspended)
        if values.get("finalize"):
            yield from _suspend_finalized(values["finalize"], suspended)
        yield Statement(_create_text(values), creates=True)
        if values["started"]:
            yield from _start(own)
        live = yield from _read(values)
    finally:
        yield from resume(suspended)
    return live


def _suspend_finalized(name: str, suspended: list[Parts]) -> Statements:
    root = identifier_parts(name)
    if is_started((yield from show_task(root))):
        yield Statement(f"ALTER TASK {quoted(*root)} SUSPEND")
        if root not in suspended:
            suspended.append(root)


def _start(own: Parts) -> Statements:
    """Resume the task and wait until it is started."""
    yield Statement(f"ALTER TASK {quoted(*own)} RESUME")
    for pause in _START_PAUSES_SECONDS:
        if is_started((yield from show_task(own))):
            return
        yield Pause(pause)
    if not is_started((yield from show_task(own))):
        raise NotThereError(f"The task {quoted(*own)} was resumed but is not started. Look at its row in SHOW TASKS.")


def _read(values: Values) -> Observation:
    row = yield from show(TASK, TASK.parts(values))
    if row is None:
        return None
    rows = yield _show_parameters(values)
    related = relations(row)
    live = columns_read(PROPERTIES, row)
    live["started"] = is_started(row)
    live["afters"] = list(related.get("Predecessors") or [])
    live["finalize"] = related.get("FinalizedRootTask")
    outputs = {"fullyQualifiedName": TASK.full_name(values), "showOutputs": [show_task_output(row)]}
    return with_parameters(Observed(live, outputs), PROPERTIES, rows, "TASK", effective=True)


def show_task_output(row: Row) -> dict[str, Any]:
    """Return a row of SHOW TASKS in the form for programs: `showOutputs` of a task, and of each task in `getTasks`."""
    related = relations(row)
    return show_output(TASK.columns, row) | {
        "errorIntegration": filled(row.get("error_integration")) or "",
        "predecessors": [requoted(name) for name in listed(row.get("predecessors"))],
        "targetCompletionIntervals": [],
        "taskRelations": [
            {
                "predecessors": list(related.get("Predecessors") or []),
                "finalizer": related.get("FinalizerTask") or "",
                "finalizedRootTask": related.get("FinalizedRootTask") or "",
            }
        ],
    }


def _update(change: Change) -> Observation:
    own, suspended = TASK.parts(change.news), list[Parts]()
    row = yield from show_task(own)
    try:
        yield from suspend_roots(own, own, suspended)
        if is_started(row):
            yield Statement(f"ALTER TASK {quoted(*own)} SUSPEND")
        yield from _alters(change, own, suspended)
        if change.news["started"]:
            yield from _start(own)
        live = yield from _read(change.news)
    finally:
        yield from resume(suspended)
    return live


def _alters(change: Change, own: Parts, suspended: list[Parts]) -> Statements:
    alter, news = f"ALTER TASK {quoted(*own)}", change.news
    unsets = unset_items(CLAUSES, change)
    if unsets:
        yield Statement(f"{alter} UNSET {', '.join(unsets)}")
    if change.sets("when"):
        yield Statement(f"{alter} MODIFY WHEN {news['when']}")
    elif change.unsets("when"):
        yield Statement(f"{alter} REMOVE WHEN")
    if "sqlStatement" in change.changed:
        yield Statement(f"{alter} MODIFY AS {news['sqlStatement']}")
    if change.sets("finalize"):
        yield from _suspend_finalized(news["finalize"], suspended)
        yield Statement(f"{alter} SET FINALIZE = {requoted(news['finalize'])}")
    elif change.unsets("finalize"):
        yield Statement(f"{alter} UNSET FINALIZE")
    if "afters" in change.changed:
        yield from _change_predecessors(change, own, suspended)
    sets = set_items(CLAUSES, change)
    if sets:
        yield Statement(f"{alter} SET {', '.join(sets)}")


def _change_predecessors(change: Change, own: Parts, suspended: list[Parts]) -> Statements:
    """ADD AFTER and REMOVE AFTER, from the state to the program; the server is not asked for its predecessors."""
    alter = f"ALTER TASK {quoted(*own)}"
    before, after = (
        [identifier_parts(name) for name in side.get("afters") or ()] for side in (change.olds, change.news)
    )
    added = [parts for parts in after if parts not in before]
    for parts in added:
        yield from suspend_roots(parts, own, suspended)
    if added:
        yield Statement(f"{alter} ADD AFTER {', '.join(quoted(*parts) for parts in added)}")
    removed = [parts for parts in before if parts not in after]
    if removed:
        yield Statement(f"{alter} REMOVE AFTER {', '.join(quoted(*parts) for parts in removed)}")


def _delete(values: Values) -> Statements:
    own, suspended = TASK.parts(values), list[Parts]()
    try:
        yield from suspend_roots(own, own, suspended)
        yield Statement(f"DROP TASK IF EXISTS {quoted(*own)}")
    finally:
        yield from resume(suspended)


RESOURCE = ResourceType(
    token="snowflake:index/task:Task",  # noqa: S106  # a type token
    label="snowflake_task",
    properties=PROPERTIES,
    computed=("fullyQualifiedName", "parameters", "showOutputs"),
    identity=TASK.full_name,
    full_name=TASK.full_name,
    parse=TASK.parse,
    create=_create,
    read=_read,
    update=_update,
    delete=_delete,
    check=_check,
    level="TASK",
    show_parameters=_show_parameters,
)
