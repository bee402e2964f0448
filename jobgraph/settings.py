"""The stack's settings: names of everything deployed around the graphs, and the sizes of what they run on.

Knows the settings, their defaults (the names that Snowflake's quickstart uses) and how they are read from a mapping.
Must not know where that mapping comes from nor what is built with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from jobgraph.errors import SettingsError, UsageError, perhaps
from jobgraph.instance_families import FAMILIES
from jobgraph.names import is_plain, quoted, upper
from jobgraph.placeholders import issue, placeholders
from jobgraph.setting_values import flag, numbers, one_of, positive, text, texts, time_zone, whole


class SectionError(ValueError):
    """Settings within a setting that are wrong. Its text says of each what its value is."""


def _name(value: Any) -> str:
    if not isinstance(value, str) or not is_plain(value):
        raise ValueError("expected a plain Snowflake identifier: letters, digits, underscores, no digit first")
    return upper(value)


def _version(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"\d+(\.\d+)+", value):
        raise ValueError("expected a version in quotes, as '1.33.0'")
    return value


# docs.snowflake.com/en/sql-reference/sql/create-warehouse
WAREHOUSE_SIZES = (
    "XSMALL",
    "SMALL",
    "MEDIUM",
    "LARGE",
    "XLARGE",
    "XXLARGE",
    "XXXLARGE",
    "X4LARGE",
    "X5LARGE",
    "X6LARGE",
)
# roles that every account has: a stack that created, granted or dropped one would change the account for everyone
SYSTEM_ROLES = frozenset(
    ("ACCOUNTADMIN", "GLOBALORGADMIN", "ORGADMIN", "PUBLIC", "SECURITYADMIN", "SYSADMIN", "USERADMIN")
)


def _role(value: Any) -> str:
    role = _name(value)
    if role in SYSTEM_ROLES:
        raise ValueError("expected a role of the stack's own: changing a system role would affect the whole account")
    return role


# The objects that a stack has one of, by the setting that names them; each contains the next.
CONTAINERS = ("database", "schema", "image_repository")
EXISTING_KINDS = ("role", "warehouse", *CONTAINERS)
IMPORTED_KINDS = (*EXISTING_KINDS, "stage", "history")


def _kinds(kinds: tuple[str, ...]) -> Callable[[Any], tuple[str, ...]]:
    def read(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(kind in kinds for kind in value):
            raise ValueError(f"expected a list of {', '.join(kinds)}; for a pool, set it in the pool's own entry")
        return tuple(kind for kind in kinds if kind in value)

    return read


def _digests(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Mapping) or not all(
        isinstance(digest, str) and re.fullmatch("sha256:[0-9a-f]{64}", digest) for digest in value.values()
    ):
        raise ValueError("expected digests by image, as {'my_job_image:latest': 'sha256:<64 hex digits>'}")
    return tuple(sorted((str(image), digest) for image, digest in value.items()))


def _renaming(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Mapping):
        raise ValueError("expected names in the account by the names in the job configuration, as {PYPI: DEV_PYPI}")  # noqa: TRY004  # every wrong setting raises ValueError
    return tuple(sorted((_name(key), _name(name)) for key, name in value.items()))


def _setting(default: Any, read: Callable[[Any], Any], doc: str) -> Any:
    return field(default=default, metadata={"read": read, "doc": doc})


@dataclass(frozen=True)
class Pool:
    """A compute pool. Idle nodes cost credits until they are released after `auto_suspend_secs`.

    `key` is its name in `jobconfig.yaml`, if that differs from the name in the account.
    """

    name: str = _setting("", _name, "name of the pool in the account, if it differs from that in the job configuration")
    instance_family: str = _setting("CPU_X64_XS", one_of(FAMILIES), "instance family of its nodes")
    min_nodes: int = _setting(1, whole(1, 150), "nodes it keeps while it is active")
    max_nodes: int = _setting(1, whole(1, 150), "nodes it may grow to")
    auto_suspend_secs: int = _setting(300, whole(0, 31_536_000), "idle seconds before it is suspended; 0 = never")
    existing: bool = _setting(
        default=False, read=flag, doc="the pool exists already and belongs to others: used, never changed"
    )
    imported: bool = _setting(
        default=False, read=flag, doc="the pool exists already: taken over into this stack as it is"
    )
    key: str = ""

    @property
    def logical(self) -> str:
        """Its name in `jobconfig.yaml`."""
        return self.key or self.name


def _pools(value: Any) -> tuple[Pool, ...]:
    if not isinstance(value, Mapping) or not value:
        raise ValueError("expected pools by name, as {MY_POOL: {instance_family: CPU_X64_XS}}")
    pools: dict[str, Pool] = {}
    for key, entry in value.items():
        pool = _pool(key, {} if entry is None else entry)
        if pool.logical in pools:
            raise ValueError(f"pool {pool.logical} is listed twice: upper and lower case make no difference")
        if any(pool.name == listed.name for listed in pools.values()):
            raise ValueError(f"pool {pool.logical}: another pool already has the name {pool.name}")
        pools[pool.logical] = pool
    return tuple(pools.values())


def _pool(name: Any, entry: Any) -> Pool:
    if not isinstance(entry, Mapping):
        raise ValueError(f"pool {name}: expected a mapping, as {{instance_family: CPU_X64_XS}}")  # noqa: TRY004  # every wrong setting raises ValueError
    try:
        logical = _name(name)
    except ValueError as error:
        raise ValueError(f"pool {name}: {error}") from error
    values, problems = _read(Pool, {"name": logical, **entry})
    if problems:
        raise SectionError(f"pool {name}: " + "; ".join(problem for _, problem in problems))
    pool = Pool(**values, key=logical if values["name"] != logical else "")
    if pool.max_nodes < pool.min_nodes:
        raise ValueError(f"pool {name}: max_nodes {pool.max_nodes} is less than min_nodes {pool.min_nodes}")
    if pool.existing and pool.imported:
        raise ValueError(f"pool {name}: either existing or imported, not both")
    return pool


_QUICKSTART_POOLS = (
    Pool("PR_STD_POOL_XS", "CPU_X64_XS", 1, 1, 300),
    Pool("PR_STD_POOL_S", "CPU_X64_S", 1, 2, 300),
)


def _addresses(value: Any) -> tuple[str, ...]:
    addresses = texts(value)
    if wrong := [address for address in addresses if not re.fullmatch(r"[^\s,'@]+@[^\s,'@]+\.[^\s,'@]+", address)]:
        raise ValueError(f"{', '.join(wrong)}: expected e-mail addresses, as [someone@example.com]")
    return addresses


@dataclass(frozen=True)
class Budget:
    """The credits that the stack may use in a month, and what happens when it is about to use more."""

    credits_per_month: int = _setting(0, whole(1, 10_000_000), "credits that the stack may cost in a month")
    notify: tuple[str, ...] = _setting((), _addresses, "verified e-mail addresses that Snowflake writes to")
    suspend: bool = _setting(
        default=False, read=flag, doc="a resource monitor suspends the warehouse when it has used all of them"
    )


def _budget(value: Any) -> Budget:
    if not isinstance(value, Mapping) or "credits_per_month" not in value:
        raise ValueError("expected a limit, as {credits_per_month: 200, notify: [someone@example.com]}")
    values, problems = _read(Budget, value)
    if problems:
        raise SectionError("; ".join(problem for _, problem in problems))
    return Budget(**values)


@dataclass(frozen=True)
class Settings:
    """Everything that may differ between stacks. All names are plain identifiers in upper case."""

    database: str = _setting("PR_CONTAINER_ORCHESTRATION", _name, "database that holds everything")
    schema: str = _setting("PUBLIC", _name, "schema that holds everything")
    role: str = _setting("SPCS_DEMO_ROLE", _role, "role that owns the tasks and so runs the jobs")
    users: tuple[str, ...] = _setting((), texts, "users to whom the role is granted")
    parent_roles: tuple[str, ...] = _setting(("SYSADMIN",), texts, "roles to which the role is granted")
    warehouse: str = _setting("SMALL_WAREHOUSE", _name, "warehouse for the tasks and for the containers' queries")
    warehouse_size: str = _setting("XSMALL", one_of(WAREHOUSE_SIZES), "size of that warehouse")
    warehouse_auto_suspend: int = _setting(60, whole(0, 86400), "idle seconds before it is suspended")
    warehouse_max_concurrency: int | None = _setting(
        None, whole(1, 1000), "statements that may run on one cluster at a time; Snowflake's default is 8"
    )
    warehouse_max_clusters: int = _setting(1, whole(1, 10), "clusters it may grow to (Enterprise edition)")
    pools: tuple[Pool, ...] = _setting(_QUICKSTART_POOLS, _pools, "compute pools by name")
    warehouses: tuple[tuple[str, str], ...] = _setting(
        (), _renaming, "account names of the warehouses that jobs name, as {BIG_WAREHOUSE: DEV_BIG_WAREHOUSE}"
    )
    integrations: tuple[tuple[str, str], ...] = _setting(
        (), _renaming, "account names of the integrations that jobs name, as {PYPI_ACCESS: DEV_PYPI_ACCESS}"
    )
    stage: str = _setting("JOBS", _name, "stage that holds the resolved job configuration")
    runtime_image: str = _setting("job_runtime:1.2", text, "image that runs the payloads (images/runtime)")
    image_repository: str = _setting("IMAGES", _name, "repository for images that are named without one")
    job_runs_table: str = _setting("JOBS_RUN_STATS", _name, "history: one row per attempt of a job")
    job_logs_table: str = _setting("JOB_LOGS", _name, "history: the containers' logs")
    task_runs_table: str = _setting("TASK_LOGGING_STATS", _name, "history: one row per task of a graph run")
    operations_table: str = _setting("OPERATIONS", _name, "history: what people did to graphs and runs, with notes")
    backfills_table: str = _setting("BACKFILLS", _name, "backfills and their states")
    backfill_intervals_table: str = _setting("BACKFILL_INTERVALS", _name, "intervals of backfills and their runs")
    notifications_table: str = _setting("NOTIFICATIONS", _name, "history: messages that were sent")
    task_runs_function: str = _setting("TASK_GRAPH_RUN_STATS", _name, "table function over the task history")
    alert: str = _setting("WATCH_GRAPHS", _name, "alert that reports late runs, if `notify` asks for it")
    alert_minutes: int = _setting(5, whole(1, 11_520), "minutes between two evaluations of that alert")
    serverless_alert: bool = _setting(
        default=True, read=flag, doc="run that alert without a warehouse; false: on the stack's"
    )
    page_url: str | None = _setting(None, text, "address of the operators' page, for the link in messages")
    region_timezone: str | None = _setting(None, time_zone, "time zone of the account's region, as Europe/Berlin")
    snowpark_version: str = _setting("1.33.0", _version, "Snowpark version that the procedures run with")
    keep_services_days: int = _setting(1, whole(0, 30), "days to keep finished job services for inspection")
    keep_results_days: int = _setting(14, whole(2, 3650), "days to keep files that jobs leave for other jobs")

    credit_price: float | None = _setting(None, positive, "price of a credit in US dollars, for cost estimates")
    rates: tuple[tuple[str, float], ...] = _setting(
        (),
        numbers((*FAMILIES, *WAREHOUSE_SIZES), "credits an hour by instance family or warehouse size"),
        "credits per hour that differ from the published rates, as {CPU_X64_XS: 0.05, XSMALL: 1.35}",
    )
    runs_per_month: tuple[tuple[str, float], ...] = _setting(
        (),
        numbers(None, "runs a month by graph"),
        "runs per month of graphs without a schedule, for cost estimates, as {TRAINING: 20}",
    )

    budget: Budget | None = _setting(  # noqa: RUF009  # a field, as the others
        None, _budget, "credits per month that the stack may cost, as {credits_per_month: 200, notify: [x@example.com]}"
    )
    budget_name: str = _setting(
        "JOBGRAPH_BUDGET", _name, "name of Snowflake's budget in the schema, if `budget` is set"
    )

    page: bool = _setting(default=False, read=flag, doc="deploy the operators' page as a Streamlit app")
    page_roles: tuple[str, ...] = _setting((), texts, "roles that may view that page")

    existing: tuple[str, ...] = _setting(
        (), _kinds(EXISTING_KINDS), "objects that exist already and belong to others: used, never changed"
    )
    imported: tuple[str, ...] = _setting(
        (), _kinds(IMPORTED_KINDS), "objects that exist already: taken over into this stack as they are"
    )
    retain: bool = _setting(
        default=True,
        read=flag,
        doc="keep database, schema, stage, history tables and everything imported when the stack is destroyed",
    )
    force_destroy: bool = _setting(
        default=False, read=flag, doc="destroy, or remove a graph, even while its runs are under way"
    )
    image_digests: tuple[tuple[str, str], ...] = _setting(
        (), _digests, "digests that replace image tags, so that a moved tag shows as a change"
    )

    def pinned(self, image: str) -> str:
        """Return an image with the digest that the stack's settings give for its tag; unchanged if they give none."""
        digest = dict(self.image_digests).get(image)
        return f"{image.rpartition(':')[0]}@{digest}" if digest else image

    def qualified(self, *names: str) -> str:
        """Return the quoted name of an object in the stack's schema; without names, of the schema itself."""
        return quoted(self.database, self.schema, *names)

    def full_name(self, name: str) -> str:
        """Return a name of the job configuration in upper case, completed with the stack's database and schema."""
        parts = upper(name).split(".")
        return ".".join([*(self.database, self.schema)[: 3 - len(parts)], *parts])

    @property
    def pool_families(self) -> dict[str, str]:
        """Instance families of the compute pools, by their names in `jobconfig.yaml`."""
        return {pool.logical: pool.instance_family for pool in self.pools}

    @property
    def pool_names(self) -> tuple[str, ...]:
        """Names of the compute pools in the account."""
        return tuple(pool.name for pool in self.pools)

    @property
    def history_tables(self) -> tuple[str, ...]:
        """Names of the tables that hold history."""
        return (self.job_runs_table, self.job_logs_table, self.task_runs_table)

    @property
    def control_tables(self) -> tuple[str, ...]:
        """Names of the tables of people's operations, of backfills, and of the messages sent."""
        return (self.operations_table, self.backfills_table, self.backfill_intervals_table, self.notifications_table)

    @property
    def repository_path(self) -> str:
        """The image repository as the start of an image's path, in lower case, as Snowflake shows it."""
        return f"/{self.database}/{self.schema}/{self.image_repository}".lower()


def read_settings(entries: Any, where: str) -> Settings:
    """Return the settings of `entries`, a mapping; absent ones have their defaults. Errors name `where`.

    Raises:
        UsageError: lists every unknown setting and every wrong value.
    """
    if not isinstance(entries, Mapping):
        raise UsageError(
            f"jobgraph:settings is {entries!r}, but a mapping is expected",
            where=where,
            remedy="write each setting, a colon and its value on a line of its own below it",
        )
    values, problems = _read(Settings, entries)
    problems += _contradictions(Settings(**values))
    if problems:
        remedy = "correct these values below `jobgraph:settings`; docs/account.md explains every setting"
        if any("is not a setting" in problem for _, problem in problems):
            remedy += "; known settings: " + ", ".join(f.name for f in fields(Settings))
        raise SettingsError(problems, where=where, remedy=remedy)
    return Settings(**values)


def _contradictions(settings: Settings) -> list[tuple[str, str]]:
    """Return the settings that contradict one another, mostly on which objects exist already; each with its name."""
    objects = {*settings.existing, *settings.imported}
    problems = [
        ("imported", f"{kind}: either existing or imported, not both")
        for kind in settings.existing
        if kind in settings.imported
    ]
    if settings.page_roles and not settings.page:
        text = "page_roles says who may view the page, but the page is not deployed: set `page: true`"
        problems.append(("page_roles", text))
    containers = {"schema": "database", "image_repository": "schema", "stage": "schema", "history": "schema"}
    problems += [
        (
            "existing" if kind in settings.existing else "imported",
            f"{kind} exists already, so its {container} does too: name {container} in `existing` or `imported`",
        )
        for kind, container in containers.items()
        if kind in objects and container not in objects
    ]
    if "database" in objects and "schema" not in objects and settings.schema == "PUBLIC":
        text = "a database that exists already has a schema PUBLIC: name schema too, or set another schema"
        problems.append(("existing" if "database" in settings.existing else "imported", text))
    return problems


def _read(shape: type, entries: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the values that could be read, and the problems of the others, each with the name of its setting."""
    settings: dict[str, Field[Any]] = {f.name: f for f in fields(shape) if f.metadata}
    values: dict[str, Any] = {}
    problems: list[tuple[str, str]] = []
    for name, value in entries.items():
        if name not in settings:
            hint = perhaps(str(name), settings) or f"; known are {', '.join(settings)}"
            problems.append((str(name), f"`{name}` is not a setting{hint}"))
            continue
        if unfilled := placeholders(value):
            problems.append((name, f"{name}: {issue(unfilled)}"))
            continue
        try:
            values[name] = settings[name].metadata["read"](value)
        except SectionError as error:
            problems.append((name, f"{name}: {error}"))
        except ValueError as error:
            problems.append((name, f"{name}: {error} (given: {value!r})"))
    return values, problems
