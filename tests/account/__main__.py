"""`make account`: asks a real account what it answers, within a budget, and leaves nothing behind.

    python -m tests.account --connection NAME --budget CREDITS

The corpus and the life of a stack, with names that nobody else uses (JOBGRAPH_KIT...). Writes report.md and
corpus.patch into .jobgraph/account. Exit code 1 if something differs or failed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import snowflake.connector
import yaml
from snowflake.connector.errors import Error

from jobgraph.account.client import ConnectionChoice, parameters
from jobgraph.errors import UserError
from tests.account import alone, comparing, cost, late_warehouse, lifecycle, scratch, stopping
from tests.account.replay import Session, replay
from tests.account.stopping import StoppedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".jobgraph" / "account"
# The project of the stack, its state included.
PLACE = FOLDER / "project"
# The role of which the cases expect what they do.
ADMINISTRATOR = "ACCOUNTADMIN"
OTHER_ROLE = (
    f"Give the connection `role = {ADMINISTRATOR}`, or leave the cases out: python -m tests.account --stack-only"
)
CORPUS = "tests/sandbox/conformance/cases.yaml"


@click.command()
@click.option("--connection", "-c", help="Connection of connections.toml; else the SNOWFLAKE_* variables.")
@click.option("--budget", type=click.FloatRange(min=0), required=True, help="Credits that it may cost.")
@click.option("--corpus-only", is_flag=True, help="Leave the life of a stack out.")
@click.option("--stack-only", is_flag=True, help="Leave the corpus out.")
@click.option("--take-over", is_flag=True, help="Remove what a kit on another machine has made: it was killed.")
@click.option("--case", "names", multiple=True, help="Ask only this case of the corpus; can be repeated.")
def main(connection: str | None, budget: float, *, names: tuple[str, ...], **flags: bool) -> None:
    """Ask an account what it answers, and write down what differs from the corpus."""
    corpus_only, stack_only = flags["corpus_only"] or bool(names), flags["stack_only"]
    if stack_only and corpus_only:
        click.echo("error: that leaves nothing to ask. Nothing was done.", err=True)
        sys.exit(2)
    cases = [late_warehouse.CASE] if stack_only else _chosen(names)
    expected = cost.estimate(len(cases), lifecycle=not corpus_only)
    parts = [
        *([] if stack_only else [f"{len(cases)} case{'s' * (len(cases) > 1)}"]),
        *([] if corpus_only else ["the life of a stack"]),
    ]
    click.echo(f"{' and '.join(parts)}: about {expected:.2f} credits.")
    if expected > budget:
        click.echo(f"error: that is more than the budget of {budget:g}. Nothing was done.", err=True)
        sys.exit(2)
    try:
        options = parameters(ConnectionChoice(connection, environment=dict(os.environ)))
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    # Whoever ends it asks it to clean up, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = {**options, **stopping.login_options(), "database": None, "schema": None}
    options.pop("warehouse", None)
    with alone.on_this_machine(options) as is_alone:
        if not is_alone:
            click.echo("error: another kit asks this account from this machine. Nothing was done.", err=True)
            sys.exit(2)
        sys.exit(_with_login(Request(cases, options, budget, not corpus_only, flags["take_over"])))


@dataclass(frozen=True)
class Request:
    """What a kit is asked for: the cases, the login, the budget, the life of a stack, another machine's leavings."""

    cases: list[dict[str, Any]]
    options: Mapping[str, Any]
    budget: float
    stack: bool
    take_over: bool


def _with_login(request: Request) -> int:
    """Log in and ask; returns the exit code."""

    def login() -> Any:
        return snowflake.connector.connect(**request.options)

    session = Session(login(), login=login)
    try:
        role = str(session.rows("SELECT CURRENT_ROLE() AS ROLE")[0]["ROLE"])
        if request.cases != [late_warehouse.CASE] and role != ADMINISTRATOR:
            click.echo(f"error: the cases use {ADMINISTRATOR}, and the connection {role}. {OTHER_ROLE}", err=True)
            return 2
        if (elsewhere := alone.elsewhere(session.rows)) and not request.take_over:
            click.echo(f"error: {elsewhere}. If it was killed: --take-over. Nothing was done.", err=True)
            return 2
        return 0 if _ask(session, role, request) else 1
    finally:
        session.connection.close()


def _chosen(names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the cases with these names, or all; exits if there is none of a name."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    cases = [*yaml.load((ROOT / CORPUS).read_text("utf-8"), loader), late_warehouse.CASE]  # noqa: S506  # it is a safe one
    unknown = sorted(set(names) - {case["name"] for case in cases})
    if unknown:
        click.echo(f"error: no case is named {unknown[0]!r} ({CORPUS}).", err=True)
        sys.exit(2)
    return [case for case in cases if not names or case["name"] in names]


@dataclass
class Meter:
    """What the kit has cost so far, by the time that its parts took."""

    budget: float
    began: float
    middle: float = 0.0

    def credits(self, now: float) -> float:
        """Return the credits until now; `middle` is when the corpus ended, 0 while it is asked."""
        corpus = (self.middle or now) - self.began
        return cost.credits_of(corpus, now - self.middle if self.middle else 0.0)

    def is_over(self) -> bool:
        """Whether the budget is spent."""
        return self.credits(time.monotonic()) > self.budget


def _ask(session: Session, role: str, request: Request) -> bool:
    version = str(session.rows("SELECT CURRENT_VERSION() AS VERSION")[0]["VERSION"])
    for left in scratch.sweep(session.rows):
        click.echo(f"removed, of an earlier kit: {left}")
    outcomes: list[comparing.Outcome] = []
    steps: list[tuple[str, str]] = []
    meter, stopped = Meter(request.budget, time.monotonic()), ""
    try:
        session.rows(
            f"CREATE WAREHOUSE {scratch.WAREHOUSE} WAREHOUSE_SIZE = XSMALL AUTO_SUSPEND = 60"
            f" COMMENT = '{alone.comment()}'"
        )
        _ask_cases(session, request, meter, outcomes)
        meter.middle = time.monotonic()
        if request.stack:
            _live(session, request.options, meter, steps)
    except StoppedError as error:
        stopped = str(error)
        click.echo(f"stopped: {stopped}")
    finally:
        shutil.rmtree(PLACE, ignore_errors=True)
        stopped += _clean(session, role)
        _write(outcomes, version, steps, meter, stopped)
    agrees = not comparing.differences(outcomes) and all(result.startswith("ok") for _, result in steps)
    return agrees and not stopped


def _ask_cases(session: Session, request: Request, meter: Meter, outcomes: list[comparing.Outcome]) -> None:
    """Ask all cases, and add what became of each.

    Raises:
        StoppedError: the budget is spent, a quota is reached, or there is no connection any more.
    """
    for each in _answers(session, request.cases, request.options):
        outcomes.append(each)
        if not each.agrees:
            click.echo(f"differs: {each.name}: expected {each.expected}, got {each.got}")
        if meter.is_over():
            raise StoppedError(f"the budget is spent after {len(outcomes)} of {len(request.cases)} cases")


def _live(session: Session, options: Mapping[str, Any], meter: Meter, steps: list[tuple[str, str]]) -> None:
    address = lifecycle.address_of(session.rows)
    environment = lifecycle.prepare(_empty(PLACE), variables(options), address)
    session.rows(f'USE WAREHOUSE "{scratch.WAREHOUSE}"')
    for name, result in lifecycle.live(PLACE, environment, session.rows, address, meter.is_over):
        steps.append((name, result))
        click.echo(f"{name}: {result}")


def _clean(session: Session, role: str) -> str:
    """Remove what the kit has made; returns what is to be said if that is not possible."""
    try:
        # a case may have been interrupted that had switched to a role that sees less
        session.rows(f'USE ROLE "{role}"')
        scratch.sweep(session.rows)
    except (Error, StoppedError) as error:
        text = f" Not removed: what is named {scratch.MARK}_...; the next kit removes it ({error})."
        click.echo(f"error:{text}", err=True)
        return text
    return ""


def _answers(session: Session, cases: list[dict[str, Any]], options: Mapping[str, Any]) -> Iterator[comparing.Outcome]:
    yield from replay(session, [case for case in cases if case is not late_warehouse.CASE], scratch.WAREHOUSE)
    if late_warehouse.CASE in cases:
        yield late_warehouse.ask(options, session.rows)


def _empty(folder: Path) -> Path:
    """Make a folder, without what a kit that was killed has left in it; only this user can read it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    return folder


def _write(
    outcomes: list[comparing.Outcome], version: str, steps: list[tuple[str, str]], meter: Meter, stopped: str
) -> None:
    ended = time.monotonic()
    spent = f"About {meter.credits(ended):.2f} credits in {ended - meter.began:.0f} s."
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "report.md").write_text(comparing.report(outcomes, version, steps, spent, stopped), "utf-8")
    day = datetime.now(UTC).date()
    text = comparing.patch((ROOT / CORPUS).read_text("utf-8"), outcomes, version, day, CORPUS)
    (FOLDER / "corpus.patch").write_text(text, "utf-8")
    click.echo(f"{spent} {FOLDER / 'report.md'}; to take over what was settled: git apply {FOLDER / 'corpus.patch'}")


def variables(options: Mapping[str, Any]) -> dict[str, str]:
    """Return a connection as the variables that the provider and the commands read."""
    names = {
        "user": "SNOWFLAKE_USER",
        "password": "SNOWFLAKE_PASSWORD",
        "token": "SNOWFLAKE_TOKEN",
        "authenticator": "SNOWFLAKE_AUTHENTICATOR",
        "workload_identity_provider": "SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER",
        "host": "SNOWFLAKE_HOST",
        "port": "SNOWFLAKE_PORT",
        "protocol": "SNOWFLAKE_PROTOCOL",
        "role": "SNOWFLAKE_ROLE",
        "private_key_file_pwd": "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE",
    }
    found = {names[key]: str(value) for key, value in options.items() if key in names and value}
    organization, _, account = str(options["account"]).partition("-")
    found |= {"SNOWFLAKE_ORGANIZATION_NAME": organization, "SNOWFLAKE_ACCOUNT_NAME": account}
    if file := options.get("private_key_file"):
        found["SNOWFLAKE_PRIVATE_KEY"] = Path(file).expanduser().read_text("utf-8")
    return found


if __name__ == "__main__":
    main()
