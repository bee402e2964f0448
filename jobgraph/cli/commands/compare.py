"""The command `compare`: shows the differences between two runs of a graph.

Knows its options and output. Must not know which facts are compared.
"""

from __future__ import annotations

import click

from jobgraph.cli import json_forms, lookup, views
from jobgraph.cli.application import Application, examples, is_terminal, note, show, show_json, terminal_width
from jobgraph.diff.elements import elements
from jobgraph.runs import comparison
from jobgraph.runs.comparison import Difference


@click.command(
    short_help="Show the differences between two runs.",
    epilog=examples("jobgraph compare 1795266861347 1795266899812", "jobgraph compare 1795266861347 last --json"),
)
@click.argument("first")
@click.argument("second")
@click.option("--graph", metavar="NAME", help="The graph; needed if several have a run with that id.")
@click.option("--json", "as_json", is_flag=True, help="Write the differences as JSON.")
@click.pass_context
def compare(context: click.Context, first: str, second: str, *, graph: str | None, as_json: bool) -> None:
    """Show the differences between two runs: states, attempts, durations, images, pools, values, definitions of jobs.

    FIRST and SECOND are ids of runs; `last` is the newest. The first two lines say what kind of run each is: of the
    whole graph, of a part of it, or of an interval of a backfill. Durations are shown if they differ by at least a
    second and by at least a tenth. A job that did not run in one of the two is compared by its state only.
    """
    application: Application = context.obj
    ids = [None if run_id == "last" else run_id for run_id in (first, second)]
    record = lookup.record(application, graph, run_id=ids[0] or ids[1])
    own_runs = lookup.runs(application, record)
    before, after = (own_runs.run(run_id) for run_id in ids)
    listed = comparison.differences(before, after, (own_runs.definitions(before), own_runs.definitions(after)))
    if as_json:
        show_json(json_forms.comparison_json(before, after, listed))
        return
    if before.run_id != after.run_id:
        for run in (before, after):
            show(views.headline(run))
    if listed:
        rows = [
            Difference(each.job, *element)
            for each in listed
            for element in elements(each.fact, each.first, each.second)
        ]
        show(views.comparison_table(before, after, rows, terminal=is_terminal(), width=terminal_width()))
    elif before.run_id == after.run_id:
        note(
            f"Both are run {before.run_id}: there is nothing to compare. `jobgraph history {record.key}` lists others."
        )
    else:
        note("No difference in states, durations, images, pools, values or definitions.")
