"""A few of the cases of `python -m tests.reliability deploys-disturbed`, and proof that its claims can fail."""

from __future__ import annotations

import pytest

from tests.deploys.turns import Trouble
from tests.reliability.deploys_disturbed import SCENARIOS, Case, Sweep

FIRST, CHANGE, DESTROY, ENDED_BY_UP = SCENARIOS
CASES = (
    Case(FIRST, Trouble.KILLED_AFTER, 2),
    Case(CHANGE, Trouble.REFUSED, 11),
    Case(DESTROY, Trouble.LOST, 20),
    Case(ENDED_BY_UP, Trouble.KILLED_BEFORE, 9),
)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    return Sweep(tmp_path_factory.mktemp("disturbed"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_next_command_ends_as_an_undisturbed_one(sweep: Sweep, case: Case) -> None:
    assert sweep.run(case) == []


@pytest.mark.parametrize("fault", [Trouble.LOST, Trouble.KILLED_BEFORE, Trouble.KILLED_AFTER], ids=str)
def test_a_file_that_an_interrupted_destroy_removed_is_written_again(sweep: Sweep, fault: Trouble) -> None:
    statements = sweep.statements(Case(ENDED_BY_UP, fault, 0, order=1))
    (removal,) = (place for place, text in enumerate(statements, 1) if "REMOVE @" in text)
    assert sweep.run(Case(ENDED_BY_UP, fault, removal, order=1)) == []


def test_the_schema_public_has_its_comment_though_its_takeover_was_refused(sweep: Sweep) -> None:
    statements = sweep.statements(Case(FIRST, Trouble.REFUSED, 0, order=1))
    changes = [place for place, text in enumerate(statements, 1) if "ALTER SCHEMA" in text]
    assert len(changes) > 1
    assert [claim for place in changes for claim in sweep.run(Case(FIRST, Trouble.REFUSED, place, order=1))] == []


def test_a_repository_in_which_the_sandbox_lists_the_images_of_its_folders_is_created_again(sweep: Sweep) -> None:
    statements = sweep.statements(Case(FIRST, Trouble.KILLED_AFTER, 0, order=1))
    (creation,) = (place for place, text in enumerate(statements, 1) if "CREATE IMAGE REPOSITORY" in text)
    assert sweep.run(Case(FIRST, Trouble.KILLED_AFTER, creation, order=1)) == []


def test_it_fails_where_what_a_killed_deploy_left_is_not_made_anew(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobgraph.components.stack_mark._makes_way", lambda *_arguments: False)
    assert any("already exists" in claim for claim in sweep.run(CASES[0]))
