"""In which order tasks leave their graphs, and which of those that stay are made anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.deploy.moving import Moves, Scene, moves, ordered

if TYPE_CHECKING:
    from collections.abc import Iterable

# two chains: R -> a -> b -> c, and S -> x -> y -> z
BEFORE = {"a": ["R"], "b": ["a"], "c": ["b"], "R": [], "x": ["S"], "y": ["x"], "z": ["y"], "S": []}
ROOT = {"a": "R", "b": "R", "c": "R", "x": "S", "y": "S", "z": "S"}


def scene(after: dict[str, list[str]], leaving: Iterable[str] = (), **more: frozenset[str]) -> Scene:
    """The two chains, and what shall be of them."""
    edges = {task: frozenset(before) for task, before in after.items()}
    before = {task: frozenset(names) for task, names in BEFORE.items()}
    return Scene(before, edges, frozenset(leaving), {task: ROOT[task] for task in after if task in ROOT}, **more)


def test_without_moves_nobody_waits() -> None:
    assert moves(scene({"a": ["R"], "b": ["a"], "c": ["a"], "x": ["S"], "z": ["x"]})) == Moves()


def test_a_task_leaves_when_those_that_stay_behind_it_are_tied_to_others() -> None:
    found = moves(scene({"a": ["R"], "c": ["a"], "x": ["S"], "b": ["x"]}, ["b"]))
    assert found == Moves(waits={"b": frozenset({"c"})})


def test_what_is_behind_a_task_that_leaves_with_it_or_is_removed_counts_too() -> None:
    with_it = moves(scene({"a": ["S"], "b": ["a"], "c": ["R"]}, ["a", "b"]))
    assert with_it == Moves(waits={"a": frozenset({"c"}), "b": frozenset({"c"})})
    assert moves(scene({"a": ["S"], "c": ["R"]}, ["a"])) == Moves(waits={"a": frozenset({"c"})})


def test_of_two_that_are_exchanged_crosswise_one_side_is_made_anew() -> None:
    after = {"y": ["R"], "b": ["y"], "c": ["b"], "a": ["S"], "z": ["a"], "x": ["S"]}
    found = moves(scene(after, ["a", "y"]))
    # b waits for y, which waits for z, which waits for a: so a cannot wait for b, nor keep what follows b
    assert found in (
        Moves(waits={"a": frozenset({"b", "c"}), "y": frozenset({"x"})}, anew=frozenset({"z"})),
        Moves(waits={"y": frozenset({"x", "z"})}, anew=frozenset({"b", "c"})),
    )


def test_a_task_leaves_after_all_that_stay_in_its_graph() -> None:
    # an interrupted deploy has tied b to the root, and the engine's state does not know it
    cut = scene({"a": ["S"], "b": ["R"], "c": ["b"]}, ["a"])
    mended = dict(cut.before) | {"b": frozenset({"R"})}
    assert moves(Scene(mended, cut.after, cut.leaving, cut.root)) == Moves(waits={"a": frozenset({"c"})})


def test_a_task_that_an_interrupted_deploy_has_cut_off_is_made_anew_with_all_behind_it() -> None:
    after = {"a": ["R"], "b": ["a"], "c": ["b"]}
    assert moves(scene(after, torn=frozenset({"b"}))).anew == {"b", "c"}


def test_a_task_behind_one_that_was_cut_off_is_made_anew_if_it_loses_it() -> None:
    cut = scene({"b": ["R"], "c": ["R"]})
    assert moves(Scene(dict(cut.before) | {"b": frozenset()}, cut.after, cut.leaving, cut.root)).anew == {"c"}


def test_tasks_behind_a_root_that_is_dropped_first_are_made_anew() -> None:
    going = frozenset({"R"})
    assert moves(scene({"a": ["N"], "b": ["a"], "c": ["b"]}, going=going)).anew == {"a", "b", "c"}
    assert moves(scene({"a": ["N"], "b": ["N"], "c": ["b"]}, going=going)).anew == {"a", "b", "c"}


def test_no_removed_task_comes_below_the_root_that_replaces_another() -> None:
    assert moves(scene({"a": ["N"], "c": ["a"]}, going=frozenset({"R"}))).anew == {"a", "c"}
    assert moves(scene({"a": ["R"], "c": ["a"]})).anew == frozenset()


def test_no_task_is_dropped_while_the_provider_walks_through_it_from_another_that_is_dropped() -> None:
    # c was behind a, by way of b, which is removed; by the plan nothing orders the two
    both_anew = moves(scene({"a": ["N"], "c": ["N"]}, going=frozenset({"R"})))
    assert both_anew == Moves(waits={"a": frozenset({"c"})}, anew=frozenset({"a", "c"}))
    both_leave = moves(scene({"a": ["S"], "b": ["S"], "c": ["S"]}, ["a", "b", "c"]))
    assert both_leave == Moves(waits={"a": frozenset({"b", "c"}), "b": frozenset({"c"})})


def test_the_lower_of_two_tasks_that_are_dropped_comes_last_where_the_plan_has_it_so() -> None:
    assert moves(scene({"a": ["N"], "c": ["a"]}, going=frozenset({"R"}))).waits == {}


def test_the_order_of_registration_heeds_waits() -> None:
    after = {"b": frozenset({"a"}), "c": frozenset({"b"})}
    assert ordered(after, {}) == ["b", "c"]
    after = {"x": frozenset({"S"}), "b": frozenset({"x"}), "a": frozenset({"R"}), "c": frozenset({"a"})}
    found = ordered(after, {"b": frozenset({"c"})})
    assert found.index("c") < found.index("b")
    assert found.index("x") < found.index("b")
    assert found.index("a") < found.index("c")
