"""The findings from an account's answers: what would make a deploy or a run fail, and the remedy.

Knows the plan and the columns of SHOW. Must not send statements.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.errors import perhaps
from jobgraph.inspection import budgets, objects, questions, receivers
from jobgraph.inspection.answers import Answers, Finding, Rows
from jobgraph.inspection.stack_state import bare
from jobgraph.plan.privileges import Level
from jobgraph.plan.roles import DEPLOYER, RUN_ROLE, roles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jobgraph.plan.planning import Plan
    from jobgraph.plan.roles import Need

# The seconds by which this machine's clock may differ; with a larger difference, tokens of key pairs are refused.
_DRIFT = 60
# The states in which a pool accepts jobs at once, or will do so by itself.
_READY = frozenset({"IDLE", "ACTIVE", "STARTING", "RESIZING"})
_ADMINISTRATOR = "ACCOUNTADMIN"


def findings(plan: Plan, answers: Answers) -> list[Finding]:
    """Return all findings, in the order in which a deploy would meet them."""
    return [
        _clock(answers),
        *_deploying(plan, answers),
        *objects.findings(plan, answers),
        *_pools(plan, answers),
        *_running(plan, answers),
        *_integrations(plan, answers),
        *receivers.findings(plan, answers),
        *budgets.findings(plan, answers),
        *_secrets(plan, answers),
        *_images(plan, answers),
        _anaconda(plan, answers),
        *_bundles(answers),
    ]


def _clock(answers: Answers) -> Finding:
    drift = abs((answers.server_time - answers.own_time).total_seconds())
    if drift <= _DRIFT:
        return Finding("clock", ok=True, detail=f"{drift:.0f} s from Snowflake's")
    return Finding(
        "clock", ok=False, detail=f"{drift:.0f} s from Snowflake's: tokens of key pairs are refused. Set it."
    )


def _deploying(plan: Plan, answers: Answers) -> Iterator[Finding]:
    (role,) = (each for each in roles(plan, {DEPLOYER: answers.role}) if each.kind == DEPLOYER)
    is_administrator = answers.role == _ADMINISTRATOR
    if answers.stack_role.upper() not in {"", answers.role}:
        detail = (
            f"has role {answers.role}, but the stack deploys as {answers.stack_role.upper()}, which this report is"
            " therefore not about. Remedy: name that role in the connection, or in SNOWFLAKE_ROLE"
        )
        yield Finding("login", ok=False, detail=detail)
    for need in role.needs:
        is_role = need.grant.level is Level.DATABASE_ROLE
        name = f"database role {need.grant.object}" if is_role else f"privilege {need.privilege}"
        if is_administrator or _has(answers.grants, need):
            yield Finding(name, ok=True, detail=f"role {answers.role}: {need.why}")
        elif _already_made(need, plan, answers):
            yield Finding(name, ok=True, detail=f"role {answers.role} lacks it, but its objects exist already")
        else:
            yield Finding(
                name,
                ok=False,
                detail=f"role {answers.role} lacks it. Purpose: {need.why}. Remedy: {_grant_text(need, answers.role)}",
            )


_MADE_BY = {"CREATE ROLE": "roles", "CREATE WAREHOUSE": "warehouses", "CREATE DATABASE": "databases"}


def _already_made(need: Need, plan: Plan, answers: Answers) -> bool:
    """Return whether the privilege is only needed to create objects that this stack has created already."""
    question = _MADE_BY.get(need.privilege)
    if need.privilege == "CREATE COMPUTE POOL":
        rows = {row["name"]: row for row in answers.rows.get("pools", ())}
        return all(pool.existing or objects.is_marked(rows.get(pool.name)) for pool in plan.settings.pools)
    if need.privilege == "CREATE INTEGRATION":
        names = {str(row["name"]) for row in answers.rows.get(questions.NOTIFICATIONS, ())}
        return all(integration.name in names for integration in plan.notifying.integrations)
    return question is not None and any(objects.is_marked(row) for row in answers.rows.get(question, ()))


def _grant_text(need: Need, role: str) -> str:
    return "; ".join(need.statements(role))


def _has(rows: Sequence[Mapping[str, Any]], need: Need) -> bool:
    """Return whether rows of SHOW GRANTS have a privilege, or the ownership of its object."""
    grant = need.grant
    for row in rows:
        granted_on = str(row["granted_on"]).replace("_", " ")
        if grant.level is Level.ACCOUNT:
            matches = granted_on == "ACCOUNT"
        else:
            kind = "SCHEMA" if grant.level is Level.SCHEMA else grant.object_type
            matches = (granted_on == kind or granted_on.endswith(f" {kind}")) and bare(row["name"]) == bare(
                grant.object
            )
        option = not need.option or str(row["grant_option"]).lower() == "true"
        if matches and (row["privilege"] == "OWNERSHIP" or (row["privilege"] == need.privilege and option)):
            return True
    return False


def _pools(plan: Plan, answers: Answers) -> Iterator[Finding]:
    rows = {row["name"]: row for row in answers.rows.get("pools", ())}
    replicas = _replicas(plan)
    maintenance = _pending(answers)
    for pool in plan.settings.pools:
        name, row = f"pool {pool.name}", rows.get(pool.name)
        node_limit = int(row["max_nodes"]) if row else pool.max_nodes
        if replicas.get(pool.name, 1) > node_limit:
            detail = f"a job needs {replicas[pool.name]} nodes, but it grows only to {node_limit}: raise max_nodes"
            yield Finding(name, ok=False, detail=detail, of_runs=True)
        else:
            existence = objects.object_finding(objects.pool_object(pool), plan, answers)
            yield existence if row is None or not existence.ok else _pool_state(name, row)
        if pool.name in maintenance:
            yield Finding(
                name, ok=None, detail=f"maintenance is due: {maintenance[pool.name]}; jobs there are interrupted"
            )


def _replicas(plan: Plan) -> dict[str, int]:
    """Return the most nodes that a job needs at once, by pool."""
    widest: dict[str, int] = {}
    for graph in plan.graphs:
        for task in graph.tasks:
            definition = task.definition or {}
            name = str(definition.get("compute_pool", ""))
            widest[name] = max(widest.get(name, 1), int(definition.get("replicas", 1)))
    return widest


def _pool_state(name: str, row: Mapping[str, Any]) -> Finding:
    state = str(row["state"])
    resumes = str(row["auto_resume"]).lower() == "true"
    used = f"{state}, {row['min_nodes']} to {row['max_nodes']} nodes"
    if state in _READY or (state == "SUSPENDED" and resumes):
        return Finding(name, ok=True, detail=used)
    remedy = f". Remedy: ALTER COMPUTE POOL {row['name']} SET AUTO_RESUME = TRUE" if state == "SUSPENDED" else ""
    return Finding(name, ok=False, detail=f"{used}: jobs wait until it is available{remedy}", of_runs=True)


def _pending(answers: Answers) -> dict[str, str]:
    """Return the pools for which maintenance is due, with Snowflake's text; empty if it did not answer."""
    rows = answers.rows.get(questions.MAINTENANCE) or []
    text = next((str(value) for row in rows for value in row.values()), "")
    try:
        entries = json.loads(text) if text else []
    except ValueError:
        return {}
    listed = entries if isinstance(entries, list) else [entries]
    return {
        str(entry.get("compute_pool", entry.get("name", ""))).upper(): json.dumps(entry, sort_keys=True)
        for entry in listed
        if isinstance(entry, dict)
    }


def _running(plan: Plan, answers: Answers) -> Iterator[Finding]:
    role = plan.settings.role
    rows = answers.rows.get(questions.RUN_ROLE_GRANTS)
    if rows is None:
        return
    (run_role,) = (each for each in roles(plan, {}) if each.kind == RUN_ROLE)
    missing = [need for need in run_role.needs if not _has(rows, need)]
    for need in missing:
        yield _not_granted(need, role, answers)
    if not missing:
        yield Finding(f"run role {role}", ok=True, detail=f"has its {len(run_role.needs)} privileges")


def _not_granted(need: Need, role: str, answers: Answers) -> Finding:
    """Return the finding on a privilege that the run role lacks: revoked, or granted by the next deploy."""
    name = f"run role: {need.privilege} on {need.target}".replace('"', "")
    state, statement = answers.state, _grant_text(need, role)
    if state is None:
        detail = (
            f"role {role} lacks it. Purpose: {need.why}. Remedy: `pulumi up` grants it if it is new, `pulumi up"
            f" --refresh` if somebody revoked it, or {statement}"
        )
        return Finding(name, ok=None, detail=detail)
    if not state.has_granted(role, need.grant) or objects.is_restored(need, answers):
        # each commit that needs something new comes here before its deploy
        return Finding(name, ok=True, detail=f"role {role} lacks it: the next deploy grants it")
    detail = (
        f"role {role} lacks it although a deploy granted it: somebody revoked it, or dropped what it was on. Runs fail."
        f" Purpose: {need.why}. Remedy: `pulumi up --refresh` (without --refresh it is not noticed), or {statement}"
    )
    return Finding(name, ok=False, detail=detail, of_runs=True)


def _integrations(plan: Plan, answers: Answers) -> Iterator[Finding]:
    rows = {str(row["name"]): row for row in answers.rows.get("integrations", ())}
    for name in plan.needs.integrations:
        if name in plan.notifying.existing:
            continue
        row = rows.get(name)
        if row is None:
            detail = "does not exist, or the role cannot see it: have it created, or USAGE granted"
            yield Finding(f"integration {name}", ok=False, detail=detail)
        elif str(row["enabled"]).lower() == "false":
            detail = f"disabled: ALTER INTEGRATION {name} SET ENABLED = TRUE"
            yield Finding(f"integration {name}", ok=False, detail=detail, of_runs=True)
        else:
            yield Finding(f"integration {name}", ok=True, detail="there")


def _secrets(plan: Plan, answers: Answers) -> Iterator[Finding]:
    for name in plan.needs.secrets:
        schema, _, bare = name.rpartition(".")
        question = f"secrets {schema}"
        names = {str(row["name"]) for row in answers.rows.get(question, ())}
        reason = answers.refused.get(question, "does not exist, or the role cannot see it")
        detail = "exists" if bare in names else f"{reason}: CREATE SECRET, or have READ granted"
        yield Finding(f"secret {name}", ok=bare in names, detail=detail)


def images(plan: Plan) -> dict[str, list[str]]:
    """Return the jobs that use each image, by the image's path with tag or digest."""
    used: dict[str, list[str]] = {}
    for graph in plan.graphs:
        for task in graph.tasks:
            spec = (task.definition or {}).get("specification", {}).get("spec", {})
            for container in spec.get("containers", ()):
                used.setdefault(str(container["image"]), []).append(task.name)
    return used


@dataclass(frozen=True)
class MissingImage:
    """An image that is missing in its repository.

    Attributes:
        jobs: The tasks that would run it, by their names in the plan.
        similar: The end of a sentence that suggests similar images of the repository; empty if there are none.
    """

    jobs: tuple[str, ...]
    similar: str


def missing_images(plan: Plan, rows: Mapping[str, Rows]) -> dict[str, MissingImage]:
    """Return the images that are missing in their repositories, by path.

    `rows` are those of SHOW IMAGES, by the question's name. Images of other repositories are left out.
    """
    lacking: dict[str, MissingImage] = {}
    for path, jobs in images(plan).items():
        parts = path.lstrip("/").split("/")
        listed = rows.get(f"images {'.'.join(parts[:3]).upper()}")
        reference = "/".join(parts[3:])
        if listed is not None and not any(_is_image(reference, row) for row in listed):
            lacking[path] = MissingImage(tuple(jobs), perhaps(reference, _references(listed)))
    return lacking


def _references(rows: Rows) -> Iterator[str]:
    """Yield `name:tag` of every image that SHOW IMAGES lists."""
    for row in rows:
        yield from (f"{row['image_name']}:{tag}".lower() for tag in _tags(row))


def _tags(row: Mapping[str, Any]) -> list[str]:
    return [tag.strip() for tag in str(row["tags"] or "").split(",") if tag.strip()]


def _is_image(reference: str, row: Mapping[str, Any]) -> bool:
    name, _, digest = reference.partition("@")
    name, _, tag = name.partition(":")
    if str(row["image_name"]).lower() != name:
        return False
    return str(row["digest"]) == digest if digest else tag in _tags(row)


def _images(plan: Plan, answers: Answers) -> Iterator[Finding]:
    lacking = missing_images(plan, answers.rows)
    stack = f" --environment {answers.environment}" if answers.environment else ""
    for path, jobs in images(plan).items():
        name = f"image {path.rpartition('/')[2]}"
        repository = ".".join(path.lstrip("/").split("/")[:3]).upper()
        if path in lacking:
            detail = (
                f"not in {repository}; {', '.join(jobs)} will fail with image_pull. Remedy: "
                f"jobgraph image push {jobs[0]}{stack} if its folder is below images/, "
                f"else push it with a container engine{lacking[path].similar}"
            )
            yield Finding(name, ok=False, detail=detail, of_runs=True)
        elif f"images {repository}" not in answers.rows:
            yield _unlisted(name, repository, plan, answers)
        else:
            yield Finding(name, ok=True, detail=f"in {repository}")


def _unlisted(name: str, repository: str, plan: Plan, answers: Answers) -> Finding:
    """Return the finding on an image whose repository did not answer: a deploy creates only the stack's own."""
    if repository == questions.repository(plan).upper() and receivers.has_tasks(plan, answers):
        return Finding(name, ok=None, detail=f"{repository} does not exist. {objects.NEW_OR_GONE}")
    if repository == questions.repository(plan).upper():
        return Finding(name, ok=None, detail=f"{repository} does not exist yet: the first deploy creates it")
    detail = f"{repository} does not exist, or the role cannot see it: have it created, or READ granted"
    return Finding(name, ok=False, detail=detail)


def _anaconda(plan: Plan, answers: Answers) -> Finding:
    name = "Anaconda packages"
    if questions.ANACONDA in answers.refused:
        return Finding(
            name, ok=None, detail=f"unknown, because Snowflake answered: {answers.refused[questions.ANACONDA]}"
        )
    holders = {str(row.get("grantee_name", "")).upper() for row in answers.rows.get(questions.ANACONDA, ())}
    if holders & {"PUBLIC", plan.settings.role, answers.role}:
        return Finding(name, ok=True, detail=f"{questions.ANACONDA_ROLE} is granted")
    remedy = f'GRANT DATABASE ROLE {questions.ANACONDA_ROLE} TO ROLE "{plan.settings.role}"'
    return Finding(name, ok=False, detail=f"the procedures cannot load their packages: {remedy}")


def _bundles(answers: Answers) -> Iterator[Finding]:
    for bundle in questions.BUNDLES:
        question = f"bundle {bundle}"
        if question in answers.refused:
            yield Finding(question, ok=None, detail=f"unknown, because Snowflake answered: {answers.refused[question]}")
            continue
        rows = answers.rows.get(question) or [{}]
        yield Finding(question, ok=True, detail=str(next(iter(rows[0].values()), "")).lower())
