"""Checks a preview against the rules: `python -m policies preview.json [--budget CREDITS]`.

Knows where the file and the settings of the preview's stack are. Must not know any rule. `policies/pack` makes the
engine itself check the same rules, without the budget.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jobgraph.cli.stacks import PROJECT_FILE, stacks_of
from jobgraph.cost.pricing import priced
from jobgraph.errors import UsageError
from jobgraph.preview.deployments import NEW, deployed, stack_of
from jobgraph.preview.engine_preview import parse_preview
from jobgraph.settings import Settings
from policies.rules import over_budget, resources, violations

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--budget", type=click.FloatRange(min=0), help="The allowed credits per month; by default the stack's `budget`."
)
def main(file: Path, budget: float | None) -> None:
    """Exit with 1 if a preview breaks a rule. FILE is the output of `pulumi preview --json --show-sames`."""
    try:
        preview = parse_preview(file.read_text("utf-8"), str(file))
        _check_whole(preview, str(file))
        broken = violations(resources(preview, os.environ.get("SNOWFLAKE_ROLE", "")))
        settings = stacks_of(Path.cwd() / PROJECT_FILE).settings(stack_of(preview)) or Settings()
        if budget is None and settings.budget is not None:
            budget = settings.budget.credits_per_month
        if budget is not None:
            estimated = priced(deployed(preview, NEW, settings), settings, {}).estimate
            excess = over_budget(estimated.credits.expected, budget)
            broken += [excess] if excess else []
    except UsageError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    for violation in broken:
        click.echo(str(violation))
    click.echo(f"{len(broken)} violations of {file}", err=True)
    sys.exit(1 if broken else 0)


def _check_whole(preview: Mapping[str, Any], where: str) -> None:
    """Refuse a preview that does not show every resource: what it leaves out may break any rule.

    Raises:
        UsageError: it failed, or it leaves unchanged resources out.
    """
    steps = preview.get("steps") or ()
    failed = any(entry.get("severity") == "error" for entry in preview.get("diagnostics") or ())
    remedy = "pulumi preview --json --show-sames > preview.json"
    if failed or not steps:
        raise UsageError("The preview failed, so it does not show every resource", where=where, remedy=remedy)
    unchanged = int((preview.get("changeSummary") or {}).get("same") or 0)
    if sum(step["op"] == "same" for step in steps) < unchanged:
        raise UsageError("The preview leaves out what does not change", where=where, remedy=remedy)


if __name__ == "__main__":
    main()
