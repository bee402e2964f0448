"""`make bench`: runs the measurements one after the other and prints a table of ratios.

Knows the list of measurements; must not know how any is taken.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tests.bench import demo, deploys, graph_run, page, preview, reading, select_one, slots, thousand_tasks

if TYPE_CHECKING:
    from tests.bench.figure import Figure

MEASUREMENTS = {
    "select": select_one.measure,
    "run": graph_run.measure,
    "preview": preview.measure,
    "demo": demo.measure,
    "reading": reading.measure,
    "page": page.measure,
    "slots": slots.measure,
    "deploys": deploys.measure,
    "tasks": thousand_tasks.measure,
}


def main() -> int:
    """Measure what was asked for (default: everything) and print it; 1 when a goal was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("which", nargs="*", choices=[[], *MEASUREMENTS], default=[])
    parser.add_argument("--repeat", type=int, default=5, help="pairs per measurement (default 5); medians are shown")
    parser.add_argument("--jobs", type=int, default=deploys.JOBS, help="jobs of `deploys` (default %(default)s)")
    parser.add_argument("--width", type=int, default=preview.WIDTH, help="chains of `deploys` (default %(default)s)")
    parser.add_argument(
        "--state-at-end", action="store_true", help="`deploys`: the engine writes its state once, for both programs"
    )
    chosen = parser.parse_args()
    measure_deploys = partial(deploys.measure, jobs=chosen.jobs, width=chosen.width, state_at_end=chosen.state_at_end)
    measurements = MEASUREMENTS | {"deploys": measure_deploys}
    figures: list[Figure] = []
    for which in chosen.which or MEASUREMENTS:
        print(f"measuring {which} …", file=sys.stderr)
        figures += measurements[which](chosen.repeat)
    table = Table("figure", "value", "goal", "", "detail")
    for figure in figures:
        table.add_row(
            figure.name, f"{figure.value:.2f}", figure.goal_text, "met" if figure.met else "MISSED", figure.detail
        )
    Console().print(table)
    return 0 if all(figure.met for figure in figures) else 1


sys.exit(main())
