"""The kit against the sandbox: planted differences are all told and none invented; killed anywhere, nothing stays."""

from __future__ import annotations

import random
import re
import subprocess
from datetime import date
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import click
import pytest
import snowflake.connector
import yaml
from click.testing import CliRunner
from snowflake_sandbox.session import ObjectScope

from jobgraph.config.reading import parse
from jobgraph.plan.notifying import email_integration_name
from jobgraph.settings import read_settings
from tests.account import __main__ as kit
from tests.account import comparing, cost, late_warehouse, lifecycle, scratch
from tests.account.__main__ import CORPUS, ROOT, main, variables
from tests.account.comparing import Answer, outcome
from tests.account.replay import Session, replay
from tests.reliability.kit.cases import CASES, PLAIN, left_over

if TYPE_CHECKING:
    from pathlib import Path


def otherwise(case: dict[str, Any]) -> dict[str, Any]:
    """The case with another expectation: as if the account answered differently from it."""
    if "errno" in case:
        return {**case, "errno": case["errno"] + 1}
    first = {name: f"not {value}" for name, value in case["rows"][0].items()}
    return {**case, "rows": [first, *case["rows"][1:]]}


def connect_by_variables(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have commands without a connection's name log in to the sandbox."""
    for name, value in service.settings().items():
        monkeypatch.setenv(f"SNOWFLAKE_{name.upper()}", str(value))


def test_planted_differences_are_all_reported_and_no_others(service: Any) -> None:
    chosen = random.Random(20).sample(PLAIN, 24)  # noqa: S311  # a choice of cases
    planted = {case["name"] for case in chosen[:8]}
    cases = [otherwise(case) if case["name"] in planted else case for case in chosen]
    with service.connect() as connection:
        session = Session(connection)
        session.rows(f"CREATE WAREHOUSE {scratch.WAREHOUSE}")
        outcomes = list(replay(session, cases, scratch.WAREHOUSE))
        assert scratch.sweep(session.rows) == [f"WAREHOUSE {scratch.WAREHOUSE}"]
    assert {each.name for each in comparing.differences(outcomes)} == planted
    report = comparing.report(outcomes, "10.0.0", [("run", "ok, 3 s")], "About 1 credit.")
    assert "24 cases, 8 differ." in report
    assert all(f"| {name} |" in report.replace("\\|", "|") for name in planted)
    assert "- run: ok, 3 s" in report


def test_whether_a_session_gets_a_warehouse_that_is_created_after_its_login_is_asked(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service.connect() as connection:
        session = Session(connection)
        each = late_warehouse.ask(service.settings(), session.rows)
        assert (each.agrees, each.basis) == (True, "guess"), each.got
        assert scratch.sweep(session.rows) == [f"WAREHOUSE {late_warehouse.WAREHOUSE}"]
        # an account that does not give it to the session: as if the login had named none
        connect = snowflake.connector.connect
        monkeypatch.setattr(
            snowflake.connector, "connect", lambda **options: connect(**options | {"warehouse": "NONE"})
        )
        each = late_warehouse.ask(service.settings(), session.rows)
        assert (each.agrees, each.got) == (False, "error 000606")
        scratch.sweep(session.rows)


NAMED = (
    "a started task keeps its owner",
    "warehouse",
    "compute pool",
    "external access integration",
    "an app is renamed",
)
# `make reliability` takes sixty others
DRAWN = random.Random(7).sample(PLAIN, 2)  # noqa: S311  # a choice of cases


@pytest.mark.parametrize(
    "case", [*(case for case in PLAIN if case["name"] in NAMED), *DRAWN], ids=lambda case: str(case["name"])
)
def test_killed_at_every_statement_it_leaves_nothing_that_the_next_does_not_remove(
    service: Any, case: dict[str, Any]
) -> None:
    assert left_over(service, case) == []


CREATED = re.compile(
    r"CREATE (?:OR REPLACE )?(?:[A-Z]+ )*?(?:WAREHOUSE|ROLE|USER|COMPUTE POOL|DATABASE|INTEGRATION|RESOURCE MONITOR) "
    r"(?:IF NOT EXISTS )?([\w\"@-]+)(?! *\.)"
)


def test_a_case_creates_only_objects_of_the_account_whose_names_are_its_own() -> None:
    names = {
        (case["name"], name)
        for case in CASES
        if case.get("over") != "in process"
        for text in (*case.get("setup", ()), case["sql"])
        for name in CREATED.findall(text)
    }
    assert len(names) > 20
    assert {(case, name) for case, name in names if "@DB" not in name} == set()


def test_every_kind_of_objects_of_the_account_is_swept(service: Any) -> None:
    kinds = {kind.name: kind.plural for kind in service.world.kinds.values() if kind.scope is ObjectScope.ACCOUNT}
    assert kinds == scratch._KINDS


def test_only_the_kits_own_objects_are_swept(service: Any) -> None:
    with service.connect() as connection:
        session = Session(connection)
        others = ("JOBGRAPH_KITTEN_X", "OTHERS", "MY_JOBGRAPH_KIT", "JOBGRAPH_KIT_NOTES", "JOBGRAPH_KIT_CATS")
        for name in others:
            session.rows(f"CREATE OR REPLACE DATABASE {name}")
        session.rows(f"CREATE OR REPLACE WAREHOUSE {scratch.WAREHOUSE}")
        assert scratch.sweep(session.rows, scratch.MARK_OF_CASES) == []
        assert f"WAREHOUSE {scratch.WAREHOUSE}" in scratch.sweep(session.rows)
        names = {row["name"] for row in session.rows("SHOW DATABASES")}
        assert names >= set(others)
        for name in others:
            session.rows(f"DROP DATABASE {name}")


def test_every_name_that_the_kit_makes_is_its_own() -> None:
    settings = lifecycle.SETTINGS
    pools = [pool["name"] for pool in settings["pools"].values()]
    names = [settings["database"], settings["role"], settings["warehouse"], *pools, late_warehouse.WAREHOUSE]
    email = email_integration_name(read_settings(settings, "x"))
    assert all(scratch.is_own(name) for name in [*names, scratch.WAREHOUSE, email])
    assert not any(scratch.is_own(name, scratch.MARK_OF_CASES) for name in names)
    created = {
        name for case in CASES for text in (*case.get("setup", ()), case["sql"]) for name in CREATED.findall(text)
    }
    own = {name.strip('"').replace("@DB", f"{scratch.MARK_OF_CASES}12") for name in created if "@DB" in name}
    assert {name for name in own if not scratch.is_own(name, scratch.MARK_OF_CASES)} == set()


def settled(text: str, *outcomes: comparing.Outcome, folder: Path) -> list[dict[str, Any]]:
    """The corpus after its patch was applied by git."""
    patch = comparing.patch(text, outcomes, "10.1", date(2026, 11, 29), "cases.yaml")
    (folder / "cases.yaml").write_text(text)
    (folder / "x.patch").write_text(patch)
    subprocess.run(["git", "apply", "x.patch"], cwd=folder, check=True)
    cases: list[dict[str, Any]] = yaml.safe_load((folder / "cases.yaml").read_text())
    return cases


def test_the_patch_settles_guesses_and_applies(tmp_path: Path) -> None:
    text = (
        "- {name: right, sql: SELECT 1, errno: 1, basis: guess}\n"
        "- {name: wrong, sql: SELECT 2, errno: -2, basis: docs}\n"
        "- name: in lines\n  sql: SELECT 3\n  errno: 3\n  basis: guess\n"
        "- {name: rows, sql: SELECT 4, rows: [{A: 4}], basis: guess}\n"
    )
    cases = yaml.safe_load(text)
    outcomes = [outcome(case, Answer(errno=number)) for case, number in zip(cases, (1, 22, 3), strict=False)]
    outcomes.append(outcome(cases[3], Answer(columns=("A",), rows=({"A": 5},))))
    right, wrong, lines, rows = settled(text, *outcomes, folder=tmp_path)
    assert (right["basis"], right["errno"]) == ("recorded", 1)
    assert (wrong["basis"], wrong["errno"]) == ("recorded", 22)
    assert lines["basis"] == "recorded"
    assert rows["basis"] == "guess"
    assert "# 2026-11-29, 10.1" in (tmp_path / "cases.yaml").read_text()


def test_the_whole_corpus_can_be_patched() -> None:
    outcomes = [outcome(case, Answer(errno=case["errno"])) for case in CASES if case.get("errno")]
    text = (ROOT / CORPUS).read_text("utf-8")
    patch = comparing.patch(text, outcomes, "10.1", date(2026, 11, 29), CORPUS)
    added = [line[1:] for line in patch.splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert len(added) > 90
    assert all("basis: recorded" in line for line in added)


def test_a_first_up_whose_sessions_have_no_warehouse_is_told_and_repeated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ends = iter([(1, "error: 000606 (57P03): No active warehouse selected"), (0, ""), (1, "error: 000606"), (0, "")])

    def run(command: tuple[str, ...], *_: Any) -> subprocess.CompletedProcess[str]:
        code, text = next(ends)
        return subprocess.CompletedProcess(command, code, text, "")

    monkeypatch.setattr(lifecycle, "_run", run)
    steps = list(lifecycle.live(tmp_path, {}, lambda _text: []))
    assert [name for name, _ in steps[:4]] == ["first up", "first up, again", "nothing to do", "image push"]
    assert "decision 0020" in steps[0][1]
    assert [result.partition(" ")[0].rstrip(",") for _, result in steps[:3]] == ["failed", "ok", "failed"]
    assert (steps[3][1], steps[-1]) == ("left out", ("destroy", "ok, 0 s"))


def test_the_kits_graph_is_direct_and_tells_a_user_who_has_an_address() -> None:
    config = yaml.safe_load((ROOT / "jobconfig.yaml").read_text("utf-8"))
    for address in ("", "a@example.org"):
        text = yaml.safe_dump(lifecycle._with_direct(config, address))
        graph = next(each for each in parse(text.encode(), "x.yaml").graphs if each.key == lifecycle.DIRECT)
        assert [job.runner for job in graph.jobs] == ["direct"]
        assert bool(graph.notify) is bool(address)


def test_a_case_that_cannot_be_prepared_differs_and_says_why() -> None:
    each = outcome({"name": "x", "sql": "SELECT 1", "basis": "guess", "rows": []}, Answer(broken="error 1 for Y"))
    assert (each.agrees, each.got) == (False, "setup: error 1 for Y")


def test_the_cost_is_told_before_and_counted_by_the_same_rates() -> None:
    assert 0 < cost.estimate(300, lifecycle=False) < cost.estimate(300, lifecycle=True) < 2
    assert cost.credits_of(3600, 0) == pytest.approx(1 + 120 / 3600)


def test_a_kit_that_costs_more_than_its_budget_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snowflake.connector, "connect", lambda **_: pytest.fail("it has logged in"))
    ended = CliRunner().invoke(main, ["--budget", "0.3"])
    expected = cost.estimate(len(CASES) + 1, lifecycle=True)
    assert ended.exit_code == 2
    assert ended.output == (
        f"{len(CASES) + 1} cases and the life of a stack: about {expected:.2f} credits.\n"
        "error: that is more than the budget of 0.3. Nothing was done.\n"
    )


@pytest.fixture
def kit_of_no_cases(service: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A kit that replays nothing and lives no stack; where it writes its report."""
    monkeypatch.setattr(kit, "replay", lambda *_: iter([]))
    monkeypatch.setattr(lifecycle, "prepare", lambda *_: {})
    monkeypatch.setattr(lifecycle, "live", lambda *_: iter([("first up", "ok, 1 s")]))
    monkeypatch.setattr(kit, "FOLDER", tmp_path)
    connect_by_variables(service, monkeypatch)
    return tmp_path


@pytest.mark.parametrize(
    ("part", "seconds", "counted"),
    [
        # half an hour and two minutes of a warehouse of one credit an hour
        ("--corpus-only", (1800.0, 0.0), "About 0.53 credits in 1800 s."),
        # a quarter and two minutes of it, and twenty minutes of a node of 0.06 and of one of 0.11
        ("--stack-only", (0.0, 900.0), "About 0.34 credits in 900 s."),
    ],
)
def test_the_cost_is_told_before_the_login_and_counted_by_the_time_that_it_took(
    kit_of_no_cases: Path, monkeypatch: pytest.MonkeyPatch, part: str, seconds: tuple[float, float], counted: str
) -> None:
    events: list[str] = []
    # when it begins, after its case, when the cases have ended, at its end
    times = iter([100.0, 100.0 + seconds[0], 100.0 + seconds[0], 100.0 + sum(seconds)])
    connect = snowflake.connector.connect

    def login(**options: Any) -> Any:
        events.append("login")
        return connect(**options)

    monkeypatch.setattr(snowflake.connector, "connect", login)
    monkeypatch.setattr(click, "echo", lambda text, **_: events.append(text))
    monkeypatch.setattr(kit, "time", SimpleNamespace(monotonic=lambda: next(times)))
    assert CliRunner().invoke(main, ["--budget", "2", part]).exit_code == 0
    stack = part == "--stack-only"
    estimate = cost.estimate(1 if stack else len(CASES) + 1, lifecycle=stack)
    assert events[0].endswith(f": about {estimate:.2f} credits.")
    assert events[1] == "login"
    assert events[-1].startswith(counted)
    assert counted in (kit_of_no_cases / "report.md").read_text()


def test_a_connection_becomes_the_variables_of_the_commands(tmp_path: Path) -> None:
    key = tmp_path / "key.p8"
    key.write_text("a key")
    options = {"account": "ORG-ACC-1", "user": "U", "private_key_file": str(key), "port": 443}
    assert variables(options) == {
        "SNOWFLAKE_ORGANIZATION_NAME": "ORG",
        "SNOWFLAKE_ACCOUNT_NAME": "ACC-1",
        "SNOWFLAKE_USER": "U",
        "SNOWFLAKE_PORT": "443",
        "SNOWFLAKE_PRIVATE_KEY": "a key",
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--case", "no such case"),
            "error: no case is named 'no such case' (tests/sandbox/conformance/cases.yaml).\n",
        ),
        (("--corpus-only", "--stack-only"), "error: that leaves nothing to ask. Nothing was done.\n"),
    ],
)
def test_what_leaves_nothing_to_ask_is_refused_before_a_login(words: tuple[str, ...], message: str) -> None:
    ended = CliRunner().invoke(main, ["--budget", "2", *words])
    assert (ended.exit_code, ended.output.splitlines(keepends=True)[-1]) == (2, message)


def test_it_asks_the_cases_of_these_names_alone(service: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    connect_by_variables(service, monkeypatch)
    monkeypatch.setattr(kit, "FOLDER", tmp_path)
    chosen = [str(late_warehouse.CASE["name"]), "warehouse"]
    ended = CliRunner().invoke(main, ["--budget", "1", *(word for name in chosen for word in ("--case", name))])
    assert ended.exit_code == 0, ended.output
    assert ended.output.startswith("2 cases: about 0.04 credits.\n")
    assert "2 cases, 0 differ." in (tmp_path / "report.md").read_text()
