"""Estimates in their output formats: lines for a terminal, Markdown for a pull request, plain values for JSON.

Knows these formats. Must not know how an estimate is computed. Scripts rely on the keys of the JSON format: add keys,
never rename them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobgraph import markdown
from jobgraph.cost import wording

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobgraph.cost.budgeting import BudgetExcess
    from jobgraph.cost.change import CostChange, GraphCostChange, LineChange, Priced
    from jobgraph.cost.crowding import Crowd
    from jobgraph.cost.estimate import CostLine, GraphCost
    from jobgraph.cost.ranges import Range

NO_CHANGE = "The change costs nothing and saves nothing.\n"
# in one table or list of changes; the command shows all
_MOST_ROWS = 50
_UNITS = (wording.A_MONTH, wording.A_RUN)


def as_text(priced: Priced) -> str:
    """Return an estimate as lines: graph by graph, then the standing cost, then the assumptions."""
    return "".join(f"{line}\n" for line in _text_lines(priced))


def _text_lines(priced: Priced) -> Iterator[str]:
    estimate = priced.estimate
    yield f"Estimate: {wording.monthly(estimate)}"
    yield from _text_excess(priced.excess)
    for graph in estimate.graphs:
        yield ""
        unit = wording.common_unit(graph)
        yield f"Graph {graph.key}: {wording.graph_cost(graph, unit)} {unit}; {wording.runs(graph)}"
        yield from wording.table([("", "on", "minutes a run", unit), *(_cells(line, unit) for line in graph.lines)])
    if estimate.standing:
        yield from ("", "Always up:")
        rows = (_cells(line, wording.A_MONTH) for line in estimate.standing)
        yield from wording.table([("", "on", "", wording.A_MONTH), *rows])
    yield from _text_crowds(priced.crowds)
    yield from ("", "Assumed:", *(f"  {sentence}" for sentence in priced.assumptions))


def _text_excess(excess: BudgetExcess | None) -> Iterator[str]:
    if excess is not None:
        yield f"warning: {excess.sentence}; {excess.remedy}"


def _cells(line: CostLine, unit: str) -> tuple[str, ...]:
    return wording.subject(line), line.on, wording.minutes(line), wording.cost(line, unit)


def _text_crowds(crowds: Sequence[Crowd]) -> Iterator[str]:
    for crowd in crowds:
        yield from ("", f"{crowd.sentence}.", f"  what to do: {crowd.remedy}")


def as_markdown(priced: Priced) -> str:
    """Return an estimate as a section of a document."""
    return "".join(f"{line}\n" for line in _estimate_lines(priced))


def _estimate_lines(priced: Priced) -> Iterator[str]:
    yield from ("#### Cost", "", f"**{markdown.sentence(wording.monthly(priced.estimate))}**")
    yield from _markdown_excess(priced.excess)
    yield from _markdown_crowds(priced.crowds)
    for unit in _UNITS:
        rows: list[tuple[str, ...]] = []
        for graph in priced.estimate.graphs:
            if wording.common_unit(graph) == unit:
                title = f"**{markdown.sentence(graph.key)}**; {wording.runs(graph)}"
                rows += [
                    (title, "", "", wording.graph_cost(graph, unit)),
                    *(_cells(line, unit) for line in graph.lines),
                ]
        if unit == wording.A_MONTH:
            rows += [_cells(line, unit) for line in priced.estimate.standing]
        yield from _titled(("", "On", "Minutes a run", unit.capitalize()), rows)
    yield from _markdown_assumptions(priced.assumptions)


def _titled(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield the lines of a table; none if it has no rows."""
    if rows:
        yield from ("", *markdown.table_lines(heads, rows))


def change_as_text(change: CostChange) -> str:
    """Return a change of cost as lines; empty if there is none."""
    return "".join(f"{line}\n" for line in _change_lines(change))


def _change_lines(change: CostChange) -> Iterator[str]:
    if change.is_empty:
        return
    yield f"Cost: {wording.change(change)}"
    yield from (f"  {line}" for line in _text_excess(change.new.excess))
    yield f"  In total, {wording.A_MONTH}: {_total(change.old)} -> {_total(change.new)}"
    for graph in change.graphs:
        unit = wording.common_unit(graph.old, graph.new)
        amounts = f"{wording.graph_cost(graph.old, unit)} -> {wording.graph_cost(graph.new, unit)}"
        yield f"  Graph {graph.key}, {unit}: {amounts}{_runs(graph)}"
        yield from (f"    {line}" for line in _text_changes(graph.lines, unit))
    yield from (f"  {line}" for line in _text_changes(change.standing, wording.A_MONTH))
    yield from (f"  {crowd.sentence}. What to do: {crowd.remedy}." for crowd in change.crowds)
    yield from (f"  * {sentence}" for sentence in change.new.assumptions)


def _total(priced: Priced) -> str:
    return wording.amount(priced.estimate.credits)


def _runs(graph: GraphCostChange) -> str:
    return f"; {wording.runs(graph.new)}" if graph.new is not None else ""


def _text_changes(changes: Sequence[LineChange], unit: str) -> Iterator[str]:
    for change in changes[:_MOST_ROWS]:
        before, after = wording.cost(change.old, unit), wording.cost(change.new, unit)
        yield f"{wording.title(change.line)}: {before} -> {after}{_minutes(change)}"
    if len(changes) > _MOST_ROWS:
        yield f"and {len(changes) - _MOST_ROWS} more"


def _minutes(change: LineChange) -> str:
    minutes = wording.minutes(change.line)
    return f"; minutes a run: {minutes}" if minutes else ""


def change_as_markdown(change: CostChange) -> str:
    """Return a change of cost as a section of a comment; empty if there is none."""
    return "".join(f"{line}\n" for line in _markdown_lines(change))


def _markdown_lines(change: CostChange) -> Iterator[str]:
    if change.is_empty:
        return
    yield from ("#### Cost", "", f"**{markdown.sentence(wording.change(change))}**")
    yield from _markdown_excess(change.new.excess)
    yield from _markdown_crowds(change.crowds)
    for unit in _UNITS:
        graphs = [graph for graph in change.graphs if wording.common_unit(graph.old, graph.new) == unit]
        rows = [row for graph in graphs for row in _graph_rows(graph, unit)]
        if unit == wording.A_MONTH:
            rows += [_row(line, unit) for line in change.standing]
            rows = [*rows, ("**In total**", _total(change.old), _total(change.new), "")] if rows else []
        yield from _titled((unit.capitalize(), "Before", "After", "Minutes a run"), rows)
    yield from _markdown_assumptions(change.new.assumptions)


def _warning(issue: str, remedy: str) -> tuple[str, ...]:
    return "", "> [!WARNING]", f"> {markdown.sentence(issue)}. What to do: {markdown.sentence(remedy)}."


def _markdown_excess(excess: BudgetExcess | None) -> Iterator[str]:
    if excess is not None:
        yield from (
            "",
            "> [!WARNING]",
            f"> {markdown.sentence(excess.sentence)}. What to do: {markdown.sentence(excess.remedy)}.",
        )


def _markdown_crowds(crowds: Sequence[Crowd]) -> Iterator[str]:
    for crowd in crowds:
        yield from (
            "",
            "> [!WARNING]",
            f"> {markdown.sentence(crowd.sentence)}. What to do: {markdown.sentence(crowd.remedy)}.",
        )


def _markdown_assumptions(assumptions: Sequence[str]) -> Iterator[str]:
    yield from ("", "<details><summary>What this assumes</summary>", "")
    yield from (f"- {markdown.sentence(sentence)}" for sentence in assumptions)
    yield from ("", "</details>")


def _graph_rows(graph: GraphCostChange, unit: str) -> Iterator[tuple[str, ...]]:
    before, after = wording.graph_cost(graph.old, unit), wording.graph_cost(graph.new, unit)
    yield f"**{markdown.sentence(graph.key)}**{_runs(graph)}", before, after, ""
    yield from (_row(line, unit) for line in graph.lines)


def _row(change: LineChange, unit: str) -> tuple[str, ...]:
    before, after = wording.cost(change.old, unit), wording.cost(change.new, unit)
    return wording.title(change.line), before, after, wording.minutes(change.line)


def as_json(priced: Priced) -> dict[str, Any]:
    """Return an estimate as plain values."""
    estimate = priced.estimate
    return {
        "credits_a_month": _range(estimate.credits),
        "credit_price": estimate.rates.credit_price,
        "rates_as_of": estimate.rates.effective,
        "graphs": [_graph_json(graph) for graph in estimate.graphs],
        "always_up": [_line_json(line) for line in estimate.standing],
        "depends_on_usage": list(estimate.uncounted),
        "above_budget": _excess_json(priced.excess),
        "wider_than_warehouse": [_crowd_json(crowd) for crowd in priced.crowds],
        "assumptions": list(priced.assumptions),
    }


def change_as_json(change: CostChange) -> dict[str, Any]:
    """Return a change of cost as plain values; `difference` is in credits a month."""
    return {
        "changes": not change.is_empty,
        "difference": change.difference,
        "before": as_json(change.old),
        "after": as_json(change.new),
    }


def _graph_json(graph: GraphCost) -> dict[str, Any]:
    return {
        "graph": graph.key,
        "runs_a_month": _range(graph.runs),
        "run_seconds": _range(graph.run_seconds),
        "credits_a_run": _range(graph.credits_a_run),
        "credits_a_month": _range(graph.credits),
        "lines": [_line_json(line) for line in graph.lines],
    }


def _line_json(line: CostLine) -> dict[str, Any]:
    return {
        "kind": line.kind,
        "job": line.name or None,
        "charged": line.charged,
        "on": line.on,
        "seconds_a_run": _range(line.seconds),
        "seconds_from": line.source or None,
        "runs_in_history": line.runs_in_history,
        "credits_a_run": _range(line.credits_a_run),
        "credits_a_month": _range(line.credits),
    }


def _excess_json(excess: BudgetExcess | None) -> dict[str, Any] | None:
    if excess is None:
        return None
    return {"budget": excess.limit, "credits_a_month": excess.amount, "usual": excess.is_usual}


def _crowd_json(crowd: Crowd) -> dict[str, Any]:
    return {
        "graph": crowd.graph,
        "warehouse": crowd.warehouse.name,
        "slots": crowd.warehouse.slots,
        "jobs": list(crowd.jobs),
        "rounds": crowd.rounds,
        "rounds_with_enough_slots": crowd.fewest_rounds,
    }


def _range(amount: Range | None) -> dict[str, float | None] | None:
    return None if amount is None else {"low": amount.low, "usual": amount.usual, "high": amount.high}
