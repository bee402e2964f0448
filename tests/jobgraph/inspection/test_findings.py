"""Each thing that a deploy or a run would fail at is told before it does, with the remedy; and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from jobgraph.config.reading import parse
from jobgraph.inspection import questions, receivers
from jobgraph.inspection.answers import Answers, Finding
from jobgraph.inspection.findings import MissingImage, findings, missing_images
from jobgraph.plan.planning import Plan, Procedures, plan
from jobgraph.plan.roles import DEPLOYER, RUN_ROLE, Need, roles
from jobgraph.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = b"""\
version: 1
defaults: {image: "my_image:1", compute_pool: P}
notify: [{email: [a@b.org]}, {email: {to: [c@b.org], integration: MAIL}}]
graphs:
  g:
    jobs:
      one: {external_access: [PYPI], replicas: 2, secrets: [{secret: VAULT.KEYS.TOKEN, env: TOKEN}]}
      two: {image: /other/public/repo/deep/image:2}
"""
SETTINGS = read_settings({"pools": {"P": {"max_nodes": 2}}, "database": "D", "schema": "S"}, "x")
NOW = datetime(2026, 11, 29, 1, tzinfo=UTC)
OURS = "jobgraph: something (stack 12345678)"
DIGEST = f"sha256:{'a' * 64}"


def planned() -> Plan:
    return plan(parse(FILE, "jobs.yaml"), SETTINGS, Procedures("run", "finalize", "drop"))


def grant(need: Need, option: str = "") -> dict[str, Any]:
    """A row of SHOW GRANTS that gives a privilege, as Snowflake writes it."""
    kind = need.grant.object_type or need.grant.level.value.upper()
    return {
        "privilege": need.privilege,
        "granted_on": kind.replace(" ", "_"),
        "name": need.grant.object.replace('"', "") or "ACC",
        "grant_option": option or str(need.option).lower(),
    }


def held(kind: str, name: str = "DEPLOYER") -> list[dict[str, Any]]:
    (role,) = (role for role in roles(planned(), {DEPLOYER: name}) if role.kind == kind)
    return [grant(need) for need in role.needs]


def healthy() -> Answers:
    """An account in which everything is there."""
    pool = {"name": "P", "state": "IDLE", "auto_resume": "true", "min_nodes": 1, "max_nodes": 2, "comment": OURS}
    image = {"image_name": "my_image", "tags": "latest, 1", "digest": DIGEST}
    warehouse = {"name": "SMALL_WAREHOUSE", "state": "SUSPENDED", "auto_resume": "true", "comment": OURS}
    return Answers(
        rows={
            "warehouses": [warehouse],
            "pools": [pool],
            "roles": [{"name": "SPCS_DEMO_ROLE", "comment": OURS}],
            "databases": [{"name": "D", "comment": OURS}],
            "schemas": [{"name": "S", "comment": OURS}],
            questions.RUN_ROLE_GRANTS: held(RUN_ROLE),
            "images D.S.IMAGES": [image],
            "images OTHER.PUBLIC.REPO": [{"image_name": "deep/image", "tags": "2", "digest": DIGEST}],
            "integrations": [{"name": "PYPI", "enabled": "true"}],
            questions.NOTIFICATIONS: [{"name": name, "enabled": "true"} for name in ("MAIL", "D_S_JOBGRAPH_EMAIL")],
            f"{questions.NOTIFICATIONS} MAIL": [{"property": "ALLOWED_RECIPIENTS", "property_value": "c@b.org,x@y.z"}],
            questions.USERS: [{"name": "ANN", "email": "A@b.org"}, {"name": "CARL", "email": "c@b.org"}],
            "secrets VAULT.KEYS": [{"name": "TOKEN"}],
            questions.ANACONDA: [{"grantee_name": "PUBLIC"}],
            **{f"bundle {bundle}": [{"STATUS": "ENABLED"}] for bundle in questions.BUNDLES},
        },
        role="DEPLOYER",
        server_time=NOW,
        own_time=NOW,
        grants=held(DEPLOYER),
    )


def wrong(answers: Answers) -> list[Finding]:
    return [finding for finding in findings(planned(), answers) if not finding.ok]


def with_rows(**changed: Any) -> Answers:
    answers = healthy()
    named = {name.replace("__", "."): rows for name, rows in changed.items()}
    return replace(answers, rows={**answers.rows, **{key.replace("_in_", " "): rows for key, rows in named.items()}})


def one(row: str, **changed: Any) -> Answers:
    """The healthy account with one row's cells changed."""
    answers = healthy()
    (first, *others) = answers.rows[row]
    return replace(answers, rows={**answers.rows, row: [{**first, **changed}, *others]})


def test_a_healthy_account_has_nothing_to_do() -> None:
    assert wrong(healthy()) == []


def test_an_empty_account_has_nothing_to_do_but_for_what_others_make() -> None:
    answers = replace(healthy(), rows={"integrations": [], questions.ANACONDA: [{"grantee_name": "PUBLIC"}]})
    names = [finding.name for finding in wrong(answers) if finding.ok is False]
    assert names == ["integration PYPI", "integration MAIL", "secret VAULT.KEYS.TOKEN", "image image:2"]


@pytest.mark.parametrize("number", range(10))
def test_each_privilege_of_the_deploying_role_is_missed(number: int) -> None:
    answers = healthy()
    lost = answers.grants[number]
    rows = {key: rows for key, rows in answers.rows.items() if key not in {"roles", "warehouses", "databases", "pools"}}
    rows[questions.NOTIFICATIONS] = rows[questions.NOTIFICATIONS][:1]  # another's
    found = wrong(replace(answers, rows=rows, grants=[row for row in answers.grants if row is not lost]))
    assert [finding.name for finding in found] == [f"privilege {lost['privilege']}"]
    assert f"GRANT {lost['privilege']} ON ACCOUNT TO ROLE" in found[0].detail


def test_each_pair_of_privileges_of_the_deploying_role_is_missed() -> None:
    answers = healthy()
    kinds = {"roles", "warehouses", "databases", "pools"}
    rows = {key: rows for key, rows in answers.rows.items() if key not in kinds}
    rows[questions.NOTIFICATIONS] = rows[questions.NOTIFICATIONS][:1]  # another's
    pairs = list(combinations(answers.grants[:10], 2))
    for first, second in pairs:
        grants = [row for row in answers.grants if row is not first and row is not second]
        missed = [finding.name for finding in wrong(replace(answers, rows=rows, grants=grants))]
        assert sorted(missed) == sorted(f"privilege {row['privilege']}" for row in (first, second))
    assert len(pairs) == 45


def test_a_privilege_without_the_option_to_grant_it_on_is_not_enough() -> None:
    answers = healthy()
    weaker = [{**row, "grant_option": "false"} for row in answers.grants]
    names = [finding.name for finding in wrong(replace(answers, grants=weaker))]
    kinds = ("MANAGED TASK", "TASK", "ALERT", "MANAGED ALERT")
    assert names == [f"privilege EXECUTE {kind}" for kind in kinds]


def test_what_is_made_already_needs_no_privilege_to_make_it() -> None:
    answers = healthy()
    kept = [row for row in answers.grants if not row["privilege"].startswith("CREATE")]
    assert wrong(replace(answers, grants=kept)) == []


def test_each_privilege_of_the_run_role_is_missed() -> None:
    for lost in held(RUN_ROLE):
        rows = [row for row in held(RUN_ROLE) if row != lost]
        (finding,) = wrong(with_rows(**{questions.RUN_ROLE_GRANTS: rows}))
        assert lost["privilege"] in finding.name
        assert finding.ok is None, "the next deploy grants what is new, so deploy.yml must not stop at it"
        assert "`pulumi up` grants it if it is new, `pulumi up --refresh` if somebody revoked it" in finding.detail
        assert "GRANT" in finding.detail


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("roles", "role SPCS_DEMO_ROLE"),
        ("warehouses", "warehouse SMALL_WAREHOUSE"),
        ("databases", "database D"),
        ("schemas", "schema D.S"),
        ("pools", "pool P"),
        ("images D.S.IMAGES", "image my_image:1"),
    ],
)
def test_what_is_not_there_although_graphs_are_deployed_is_new_or_dropped(question: str, name: str) -> None:
    """Plain `pulumi up` does not look whether something is still there, and nobody but the deploy knows its state."""
    kept = {**healthy().rows, questions.ALERT: [{"name": "WATCH_GRAPHS", "state": "started"}], **OWNING_A_TASK}
    gone = {key: rows for key, rows in kept.items() if key != question}
    (finding,) = wrong(replace(healthy(), rows=gone))
    assert (finding.name, finding.ok) == (name, None)
    remedy = "does not exist. Remedy: `pulumi up` creates it if it is new, `pulumi up --refresh` if somebody dropped it"
    assert remedy in finding.detail
    assert ("SNOWFLAKE_WAREHOUSE" in finding.detail) == (question == "warehouses"), "a refresh reads views through one"


def test_owning_something_is_as_good_as_a_privilege_on_it() -> None:
    rows = [row for row in held(RUN_ROLE) if row["name"] != "P"]
    owned = {"privilege": "OWNERSHIP", "granted_on": "COMPUTE_POOL", "name": '"P"', "grant_option": "true"}
    assert wrong(with_rows(**{questions.RUN_ROLE_GRANTS: [*rows, owned]})) == []


# the graphs are deployed
TASK = {"privilege": "OWNERSHIP", "granted_on": "TASK", "name": "D.S.ROOT", "grant_option": "true"}
OWNING_A_TASK = {questions.RUN_ROLE_GRANTS: [*held(RUN_ROLE), TASK]}


def test_an_alert_that_no_deploy_has_made_yet_is_not_missed() -> None:
    for name in ("D.OTHER.ROOT", "D2.S.ROOT"):
        rows = {questions.ALERT: [], questions.RUN_ROLE_GRANTS: [*held(RUN_ROLE), {**TASK, "name": name}]}
        assert wrong(with_rows(**rows)) == []


def late() -> Answers:
    return replace(healthy(), own_time=NOW + timedelta(minutes=3))


@pytest.mark.parametrize(
    ("answers", "name", "words"),
    [
        (late, "clock", "tokens of key pairs are refused"),
        (lambda: one("warehouses", comment="finance"), "warehouse SMALL_WAREHOUSE", "outside this stack"),
        (lambda: one("databases", comment=""), "database D", "outside this stack"),
        (lambda: one("roles", comment=None), "role SPCS_DEMO_ROLE", "outside this stack"),
        (lambda: one("warehouses", auto_resume="false"), "warehouse SMALL_WAREHOUSE", "SET AUTO_RESUME = TRUE"),
        (lambda: one("pools", state="SUSPENDED", auto_resume="false"), "pool P", "SET AUTO_RESUME = TRUE"),
        (lambda: one("pools", state="STOPPING"), "pool P", "jobs wait"),
        (lambda: one("pools", comment=""), "pool P", "existing: true"),
        (lambda: one("pools", max_nodes=1), "pool P", "raise max_nodes"),
        (lambda: one("integrations", enabled="false"), "integration PYPI", "SET ENABLED = TRUE"),
        (lambda: with_rows(integrations=[]), "integration PYPI", "USAGE granted"),
        (lambda: with_rows(**{"secrets VAULT.KEYS": []}), "secret VAULT.KEYS.TOKEN", "CREATE SECRET"),
        (lambda: with_rows(**{"images D.S.IMAGES": []}), "image my_image:1", "jobgraph image push ONE if its folder"),
        (
            lambda: replace(with_rows(**{"images D.S.IMAGES": []}), environment="prod"),
            "image my_image:1",
            "jobgraph image push ONE --environment prod if its folder",
        ),
        (lambda: one("images OTHER.PUBLIC.REPO", tags="3"), "image image:2", "not in OTHER.PUBLIC.REPO"),
        (
            lambda: with_rows(**{questions.NOTIFICATIONS: healthy().rows[questions.NOTIFICATIONS][1:]}),
            "integration MAIL",
            "USAGE granted",
        ),
        (lambda: one(questions.NOTIFICATIONS, enabled="false"), "integration MAIL", "SET ENABLED = TRUE"),
        (
            lambda: one(f"{questions.NOTIFICATIONS} MAIL", property_value="x@y.z"),
            "address c@b.org",
            "MAIL does not allow it",
        ),
        (
            lambda: with_rows(**{questions.ALERT: [{"name": "WATCH_GRAPHS", "state": "suspended"}]}),
            "alert WATCH_GRAPHS",
            '`pulumi up` resumes it, or ALTER ALERT "D"."S"."WATCH_GRAPHS" RESUME',
        ),
        (
            lambda: with_rows(**{questions.ALERT: [{"name": "OTHER", "state": "started"}], **OWNING_A_TASK}),
            "alert WATCH_GRAPHS",
            "does not exist, so late runs are not reported: `pulumi up` creates it",
        ),
        (lambda: one(questions.USERS, email=""), "address a@b.org", "ALTER USER ... SET EMAIL = 'a@b.org'"),
        (lambda: with_rows(anaconda=[]), "Anaconda packages", "GRANT DATABASE ROLE"),
    ],
)
def test_what_will_fail_is_told_with_its_remedy(answers: Callable[[], Answers], name: str, words: str) -> None:
    (finding,) = wrong(answers())
    assert finding.ok is False
    assert finding.name == name
    assert words in finding.detail


def test_what_snowflake_did_not_say_is_not_called_wrong() -> None:
    answers = healthy()
    refused = {questions.ANACONDA: "unknown", f"bundle {questions.BUNDLES[0]}": "unknown"}
    rows = {key: rows for key, rows in answers.rows.items() if key not in refused}
    assert [finding.ok for finding in wrong(replace(answers, rows=rows, refused=refused))] == [None, None]


def test_addresses_that_the_role_may_not_see_are_not_called_wrong() -> None:
    hidden = wrong(with_rows(**{questions.USERS: [{"name": "ANN", "email": None}]}))
    assert [(finding.name, finding.ok) for finding in hidden] == [("address a@b.org", None), ("address c@b.org", None)]


def test_a_deploy_is_told_which_addresses_it_will_fail_at() -> None:
    """Of the stack's own integration; what is there already fails no deploy. A role that sees none says nothing."""
    nobody = [{"name": "ANN", "email": "ann@b.org"}]
    first, second = receivers.strangers(planned(), nobody)
    assert first.startswith("jobs.yaml:3:18: ")
    assert "address a@b.org" in first
    assert "so the next `pulumi up` fails" in first
    assert "so nobody gets the message" in second
    assert receivers.strangers(planned(), [*nobody, {"name": "A", "email": "A@b.org"}]) == [second]
    assert receivers.strangers(planned(), [{"name": "ANN", "email": None}]) == []


def test_users_without_an_address_are_told_from_users_whose_addresses_are_hidden() -> None:
    """A role that sees login names sees addresses: here nobody has one, as in a new account."""
    rows = [{"name": "ANN", "login_name": "ANN", "email": ""}]
    assert len(receivers.strangers(planned(), rows)) == 2
    assert [finding.ok for finding in wrong(with_rows(**{questions.USERS: rows}))] == [False, False]
    assert receivers.strangers(planned(), [{"name": "ANN", "login_name": None, "email": None}]) == []


def test_maintenance_that_is_due_is_told() -> None:
    (finding,) = wrong(with_rows(maintenance=[{"PENDING": '[{"compute_pool": "p", "due": "2026-12-01"}]'}]))
    assert (finding.name, finding.ok) == ("pool P", None)
    assert "2026-12-01" in finding.detail
    assert wrong(with_rows(maintenance=[{"PENDING": "nothing"}])) == []


def test_an_image_named_by_its_digest_is_looked_for_by_it() -> None:
    settings = replace(SETTINGS, image_digests=(("my_image:1", DIGEST),))
    pinned = plan(parse(FILE, "jobs.yaml"), settings, Procedures("run", "finalize"))
    rows = {"images D.S.IMAGES": [{"image_name": "my_image", "tags": None, "digest": DIGEST}]}
    assert missing_images(pinned, rows) == {}
    rows["images D.S.IMAGES"][0]["digest"] = DIGEST.replace("a", "b")
    assert missing_images(pinned, rows) == {f"/d/s/images/my_image@{DIGEST}": MissingImage(("ONE",), similar="")}


def test_a_missing_image_is_told_with_those_that_resemble_it() -> None:
    rows = {"images D.S.IMAGES": [{"image_name": "my_imag", "tags": "1, 2", "digest": DIGEST}]}
    (image,) = missing_images(planned(), rows).values()
    assert image == MissingImage(("ONE",), similar="; perhaps you meant my_imag:1 or my_imag:2")


def test_the_questions_change_nothing_and_name_everything_that_jobs_need() -> None:
    asked = questions.questions(planned())
    assert {text.split()[0] for text in asked.values()} == {"SHOW", "SELECT", "DESCRIBE"}
    assert asked["warehouses"] == r"SHOW WAREHOUSES LIKE 'SMALL\\_WAREHOUSE'"
    assert {"images D.S.IMAGES", "images OTHER.PUBLIC.REPO", "secrets VAULT.KEYS", "integrations"} <= asked.keys()
