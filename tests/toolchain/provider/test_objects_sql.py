"""Per resource type: the statements of its life, against the SQL contract, and that what is read back is no drift."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jobgraph.toolchain.standins.provider.definition import ResourceType
from jobgraph.toolchain.standins.provider.diff import Difference
from jobgraph.toolchain.standins.provider.lifecycle import Lifecycle, State
from jobgraph.toolchain.standins.provider.resources import BY_TOKEN
from tests import yaml_files

KINDS: dict[str, ResourceType] = {token.rpartition(":")[2]: one for token, one in BY_TOKEN.items()}
Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One resource of objects.yaml, which says what each part is."""

    kind: str
    inputs: Row
    rows: dict[str, list[Row]]
    resource_id: str
    create: list[str]
    read: list[str]
    delete: list[str]
    updates: list[Row] = field(default_factory=list)
    drifts: list[Row] = field(default_factory=list)

    @property
    def resource(self) -> ResourceType:
        return KINDS[self.kind]


GOLDEN = yaml_files.content(Path(__file__).with_name("objects.yaml"))
CASES = [Case(kind, **parts) for kind, parts in GOLDEN.items()]
OBJECTS = [one for one in CASES if one.kind != "Execute"]  # an Execute is no object, and cannot be imported


@pytest.fixture(params=CASES, ids=lambda case: case.kind)
def case(request: pytest.FixtureRequest, snowflake: Any) -> Case:
    snowflake.answers = {beginning: [dict(row) for row in rows] for beginning, rows in request.param.rows.items()}
    chosen: Case = request.param
    return chosen


def made(case: Case, lifecycle: Lifecycle, snowflake: Any) -> tuple[str, State]:
    found = lifecycle.create(case.resource, case.inputs, snowflake.warned.append)
    snowflake.said()
    return found


def compared(case: Case, lifecycle: Lifecycle, state: State, news: Row) -> Difference:
    return lifecycle.compare(case.resource, state.outputs, news, (), print)


def test_create_sends_the_contracts_text_and_reads_back(case: Case, lifecycle: Lifecycle, snowflake: Any) -> None:
    resource_id, state = lifecycle.create(case.resource, case.inputs, snowflake.warned.append)

    assert snowflake.said() == case.create + case.read
    if case.resource_id:
        assert resource_id == case.resource_id
    assert {name: state.outputs[name] for name in case.inputs} == case.inputs
    assert set(case.resource.computed) <= set(state.outputs)


def test_every_statement_but_a_programs_query_carries_the_usage_comment(
    case: Case, lifecycle: Lifecycle, snowflake: Any
) -> None:
    lifecycle.create(case.resource, case.inputs, snowflake.warned.append)

    comment = (
        ' --terraform_provider_usage_tracking {"json_schema_version":"1","version":"2.20.0",'
        f'"resource":"{case.resource.label}","operation":"create"}}'
    )
    plain = [text for text in snowflake.raw if not text.endswith(comment)]
    assert plain == ([case.inputs["query"]] if "query" in case.inputs else [])


def test_right_after_create_nothing_differs_and_refresh_finds_nothing(
    case: Case, lifecycle: Lifecycle, snowflake: Any
) -> None:
    resource_id, state = made(case, lifecycle, snowflake)

    assert not compared(case, lifecycle, state, case.inputs).changes
    parameters = [text for text in case.read if text.startswith("SHOW PARAMETERS")]
    assert snowflake.said() == parameters
    refreshed = lifecycle.read(case.resource, resource_id, case.inputs, state.outputs, print)
    assert refreshed is not None
    assert refreshed.outputs == state.outputs
    assert refreshed.inputs == case.inputs
    assert snowflake.said() == case.read


def test_delete(case: Case, lifecycle: Lifecycle, snowflake: Any) -> None:
    _, state = made(case, lifecycle, snowflake)

    lifecycle.delete(case.resource, state.outputs, print)

    assert snowflake.said() == case.delete


def test_updates_in_place(case: Case, lifecycle: Lifecycle, snowflake: Any) -> None:
    for update in case.updates:
        resource_id, state = made(case, lifecycle, snowflake)
        news = {name: value for name, value in (case.inputs | update["change"]).items() if value is not None}
        found = compared(case, lifecycle, state, news)
        assert found.changed
        assert not found.replaces
        snowflake.said()

        lifecycle.update(case.resource, resource_id, state.outputs, news, snowflake.warned.append)

        said = [text for text in snowflake.said() if text.startswith(("ALTER", "CREATE", "DROP"))]
        assert said == update["statements"]


def test_refresh_finds_drift_and_the_next_up_mends_it(case: Case, lifecycle: Lifecycle, snowflake: Any) -> None:
    for drift in case.drifts:
        beginning, name = drift["answer"], drift["property"]
        snowflake.answers = {key: [dict(row) for row in rows] for key, rows in case.rows.items()}
        resource_id, state = made(case, lifecycle, snowflake)
        snowflake.answers[beginning][-1 if beginning != "SHOW PARAMETERS" else 0] |= drift["columns"]

        refreshed = lifecycle.read(case.resource, resource_id, case.inputs, state.outputs, print)

        assert refreshed is not None
        assert refreshed.outputs.get(name) != case.inputs.get(name)
        assert name in compared(case, lifecycle, refreshed, case.inputs).changed


@pytest.mark.parametrize("case", OBJECTS, indirect=True, ids=lambda case: case.kind)
def test_an_object_that_is_not_there_is_gone(case: Case, lifecycle: Lifecycle, snowflake: Any) -> None:
    resource_id, state = made(case, lifecycle, snowflake)
    snowflake.answers = {}

    assert lifecycle.read(case.resource, resource_id, case.inputs, state.outputs, print) is None


@pytest.mark.parametrize("case", OBJECTS, indirect=True, ids=lambda case: case.kind)
def test_an_object_is_imported_by_its_id(case: Case, lifecycle: Lifecycle, snowflake: Any) -> None:
    imported = lifecycle.read(case.resource, case.resource_id, {}, {}, snowflake.warned.append)

    assert imported is not None
    assert "import" in snowflake.raw[0]
    found = compared(case, lifecycle, imported, case.inputs).changed
    assert found <= {"arguments", "encryption", "warehouseType", "dataRetentionTimeInDays", "columns"}


def test_the_arguments_of_an_imported_procedure_are_those_that_it_has(lifecycle: Lifecycle, snowflake: Any) -> None:
    (case,) = (one for one in CASES if one.kind == "ProcedurePython")
    snowflake.answers = {beginning: [dict(row) for row in rows] for beginning, rows in case.rows.items()}
    imported = lifecycle.read(case.resource, case.resource_id, {}, {}, snowflake.warned.append)

    assert imported is not None
    assert [one["argName"] for one in imported.inputs["arguments"]] == ["A", "B"]
