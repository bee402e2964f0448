from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from jobgraph.config.model import MOST_CONDITIONS, Condition
from jobgraph.plan.conditions import condition_text, entry, is_root_body, read_condition, root_body
from jobgraph.procedures.attempt import AttemptRecord
from jobgraph.procedures.outcome import task_value
from jobgraph.procedures.verdicts import holds, verdicts, without_verdicts

OUTPUTS = '{"n": 5, "t": "5", "s": "go", "b": true, "f": "False", "x": null, "l": [1]}'


@pytest.mark.parametrize(
    ("output", "test", "value", "expected"),
    [
        ("n", "above", 4.5, True),
        ("n", "above", 5, False),
        ("n", "below", 6, True),
        ("t", "above", 4, True),
        ("s", "above", 0, False),
        ("s", "below", 0, False),
        ("b", "above", 0, False),
        ("l", "above", 0, False),
        ("x", "above", 0, False),
        ("missing", "is_not", 1, False),
        ("n", "is", 5, True),
        ("t", "is", 5, True),
        ("n", "is", "5", True),
        ("n", "is_not", 5, False),
        ("s", "is_not", 5, True),
        ("s", "is", "go", True),
        ("s", "is_not", "go", False),
        ("b", "is", True, True),
        ("f", "is", False, True),
        ("n", "is", True, False),
        (None, "is", OUTPUTS, True),
    ],
)
def test_a_condition_holds(output: str | None, test: str, value: Any, expected: bool) -> None:  # noqa: FBT001  # a column
    condition = entry(Condition("A", test, value, output))
    assert holds(OUTPUTS, condition) is expected


SCALARS = some.one_of(some.booleans(), some.integers(), some.integers(10**308, 10**320), some.floats(), some.text())
JSON = some.recursive(some.none() | SCALARS, lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner))


@given(JSON | some.sampled_from([10**400, -(10**400), "9" * 400, "1e999"]), SCALARS)
@example(10**400, 1.5)
@example(1.5, 10**400)
@example("9" * 5000, 1)
def test_any_output_is_compared_with_any_value(output: Any, value: Any) -> None:
    outputs = json.dumps({"n": output})
    held = {test: holds(outputs, {"output": "n", "test": test, "value": value}) for test in ("is", "is_not")}
    assert output is None or sum(held.values()) == 1
    if isinstance(value, int | float) and not isinstance(value, bool):
        sides = [holds(outputs, {"output": "n", "test": test, "value": value}) for test in ("above", "below")]
        assert sum([*sides, held["is"]]) <= 1


@pytest.mark.parametrize(
    ("output", "test", "value", "expected"),
    [
        (10**400, "above", 1.5, True),
        (10**400, "below", 1.5, False),
        (-(10**400), "below", 1.5, True),
        (10**400, "is", 5, False),
        (10**400, "is_not", 5.5, True),
        (10**400, "is", 10**400, True),
        (2**53 + 1, "above", 2**53, True),
        (str(2**53 + 1), "is", 2**53, False),
    ],
)
def test_whole_numbers_beyond_floats_are_compared_exactly(
    output: Any, test: str, value: float, *, expected: bool
) -> None:
    assert holds(json.dumps({"n": output}), {"output": "n", "test": test, "value": value}) is expected


@pytest.mark.parametrize("text", ["9" * 5000, "[" * 100_000 + "]" * 100_000, "x"])
@pytest.mark.parametrize("test", ["is", "is_not", "above", "below"])
def test_no_condition_holds_for_outputs_that_python_cannot_read(text: str, test: str) -> None:
    assert not holds(f'{{"n": {text}}}', {"output": "n", "test": test, "value": 1})


def test_a_task_returns_verdicts_before_the_outputs() -> None:
    asked = [{"output": "n", "test": "above", "value": value} for value in (1, 9, 2)]
    done = AttemptRecord(1, "S", "DONE", outputs='{"n": 5}')
    assert task_value({"conditions": asked}, done) == '101{"n": 5}'
    assert task_value({}, done) == '{"n": 5}'
    assert task_value({"conditions": asked}, AttemptRecord(2, "S", "FAILED", "app_error")).startswith(
        '000{"status": "FAILED"'
    )
    assert without_verdicts('101{"n": 5}') == '{"n": 5}'
    assert without_verdicts("101") == "101"


@pytest.mark.parametrize("count", range(1, MOST_CONDITIONS + 1))
def test_a_when_finds_its_own_verdict_by_comparing_texts(count: int) -> None:
    asked = [Condition("A", "above", number, "n'") for number in range(count)]
    for place, when in enumerate(asked):
        text = condition_text(when, asked)
        assert read_condition(text) == when
        for number in range(2**count):
            digits = f"{number:0{count}b}"
            python = text.replace("SYSTEM$GET_PREDECESSOR_RETURN_VALUE('A')", "value").replace("AND", "and")
            python = python.replace("OR", "or").replace("<>", "!=")
            assert eval(python, {"value": digits + '{"n": 1}'}) is (digits[place] == "1")  # noqa: S307  # our own text
        assert not eval(python, {"value": '{"status": "FAILED"}'})  # noqa: S307  # as above


@pytest.mark.parametrize("count", range(1, MOST_CONDITIONS + 1))
def test_conditions_on_values_are_the_roots_verdicts(count: int) -> None:
    asked = [Condition("", "is_not", f"{number}'", config="market") for number in range(count)]
    for when in asked:
        text = condition_text(when, asked, "R")
        assert "SYSTEM$GET_PREDECESSOR_RETURN_VALUE('R')" in text
        assert read_condition(text) == when
    assert is_root_body(root_body(asked))
    assert is_root_body(root_body([]))
    assert not is_root_body("SELECT 1")
    # the provider compares bodies without regard to case
    other = [Condition("", "is_not", "A", config="market")]
    same = [Condition("", "is_not", "a", config="market")]
    assert root_body(other).lower() != root_body(same).lower()


@pytest.mark.parametrize("image", ["runtime", "my_job"])
def test_the_images_decide_as_the_runner_does(image: str) -> None:
    root = Path(__file__).resolve().parents[2]
    own = (root / "procedures" / "verdicts.py").read_bytes()
    assert (root / "images" / image / "verdicts.py").read_bytes() == own
    assert verdicts(OUTPUTS, []) == ""
