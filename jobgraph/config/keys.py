"""All keys of `jobconfig.yaml`, as tables: name, kind, meaning, default, example. A new key starts here.

Knows what the file may say, one value at a time. Must not know rules between values (see `rules`), nor how a key
is used. The JSON Schema and docs/reference.md are made of these tables.
"""

from __future__ import annotations

from jobgraph.config.kinds import Duration, Flag, Image, JsonValue, ListOf, MapOf, OneOf, Scalar, Text, Whole
from jobgraph.config.model import CONTINUE, DIRECT, EVENT_TABLE, MANAGED, STOP, TABLE
from jobgraph.config.nested_keys import (
    NAME,
    OBJECT,
    OUTPUT_KEYS,
    PAYLOAD_KEYS,
    RECEIVER_KEYS,
    RESOURCE_KEYS,
    RETRY_KEYS,
    SECRET_KEYS,
    VARIABLE,
    VARIABLE_RULE,
    VOLUME_KEYS,
    WAREHOUSE_KEYS,
    WHEN_KEYS,
)
from jobgraph.config.overlays import JOBS, ONLY_HERE
from jobgraph.config.sections import CRON, Either, Key, NamedSections, OneOrMore, ScheduleText, Section, partial

OVERLAPS = {"none": "NO_OVERLAP", "children": "ALLOW_CHILD_OVERLAP", "all": "ALLOW_ALL_OVERLAP"}

_COMMENT = Text("a text", "put the comment in quotes", longest=1000)
_IMAGE = Image(longest=500)
_ENVIRONMENT = MapOf(Scalar(), VARIABLE, VARIABLE_RULE)
_ON_FAILURE = OneOf((STOP, CONTINUE))
_RUNNER = OneOf((MANAGED, DIRECT))
_WAREHOUSE = Section(WAREHOUSE_KEYS)
_WHEN = Section(WHEN_KEYS)
_SECRET = Section(SECRET_KEYS)
_RESOURCES = Section(RESOURCE_KEYS)
_VOLUME = Section(VOLUME_KEYS)
_PAYLOAD = Section(PAYLOAD_KEYS)
_RETRIES = Section(RETRY_KEYS)
_OUTPUTS = Section(OUTPUT_KEYS)
_RECEIVER = Section(RECEIVER_KEYS, "a receiver")
_RECEIVERS = OneOrMore(_RECEIVER)
_NOTIFY_EXAMPLE = "{events: [failure, recovered], email: [ops@example.org]}"

JOB_KEYS = (
    Key(
        "image",
        _IMAGE,
        "the image to run: its name with a tag or a digest, in the stack's image repository unless a path is given",
        inherited=True,
        example="my_job_image:1.0",
    ),
    Key(
        "compute_pool",
        OBJECT,
        "the compute pool whose nodes run the container",
        inherited=True,
        example="PR_STD_POOL_XS",
    ),
    Key(
        "warehouse",
        Either(OBJECT, _WAREHOUSE, "query"),
        "the warehouse for the container's queries, or a mapping with that warehouse and the task's; by default the "
        "stack's",
        inherited=True,
        example="SMALL_WAREHOUSE",
    ),
    Key(
        "runner",
        _RUNNER,
        "managed = a procedure starts the job and waits for it on a warehouse; direct = the task's own statement runs"
        " the job, so no warehouse is awake while it runs, and `retries` is not available",
        default=MANAGED,
        inherited=True,
        example="direct",
    ),
    Key(
        "after",
        ListOf(NAME),
        "jobs that must be done first; without any, the job follows the root. The name of a matrix job stands for all"
        " of its jobs",
        example="[check]",
    ),
    Key(
        "when",
        _WHEN,
        "a condition on an ancestor's return value, or on the run's `config`; if it is false, the job and its "
        "dependents are skipped",
        example="{job: check, output: rows_written, above: 0}",
    ),
    Key("args", ListOf(Scalar()), "arguments of the container's program", example='["--query=select 1", --verbose]'),
    Key("table_name", NAME, "short for the argument --result_table=NAME", example="results_1"),
    Key("command", ListOf(Scalar()), "program to run instead of the image's ENTRYPOINT", example="[python3, other.py]"),
    Key(
        "env",
        _ENVIRONMENT,
        "environment variables, in addition to those in defaults",
        inherited=True,
        example="{REGION: eu, DEPTH: 3}",
    ),
    Key(
        "secrets",
        ListOf(_SECRET),
        "Snowflake secrets that the container gets as variables or files",
        inherited=True,
        example="[{secret: my_token, env: API_TOKEN}]",
    ),
    Key(
        "resources",
        _RESOURCES,
        "processors, memory and GPUs of the container",
        inherited=True,
        example="{cpu: 0.5, memory: 1Gi}",
    ),
    Key(
        "volumes",
        NamedSections(_VOLUME, "a mapping of volumes by name"),
        "storage mounted into the container, by name",
        inherited=True,
        example="{scratch: {source: local, path: /scratch}}",
    ),
    Key(
        "external_access",
        ListOf(OBJECT),
        "external access integrations, which determine what the container may reach outside Snowflake",
        inherited=True,
        example="[PYPI_ACCESS]",
    ),
    Key(
        "replicas",
        Whole(1, 150),
        "containers to run at once; each reads its number from SNOWFLAKE_JOB_INDEX",
        default=1,
        example="4",
    ),
    Key(
        "matrix",
        MapOf(ListOf(Scalar()), VARIABLE, VARIABLE_RULE),
        "creates one job for each combination of these values, named <job>_<value>_<value>; `${{ matrix.NAME }}` in "
        "after, args, table_name, command, env and comment stands for the value",
        example="{region: [eu, us], depth: [1, 2]}",
    ),
    Key(
        "payload",
        _PAYLOAD,
        "code to run in the stack's runtime image, for jobs without an image; `args` are then the arguments of that "
        "code",
        example="{path: examples/training/src, entrypoint: train_model.py}",
    ),
    Key(
        "timeout",
        Duration(),
        "how long one attempt may take, including the wait for a node; after that it is cancelled and counts as "
        "failed. By default an hour, or the graph's `timeout` if that is shorter",
        default=3600,
        inherited=True,
        example="30 minutes",
    ),
    Key(
        "retries",
        Either(Whole(0, 30), _RETRIES, "count"),
        "attempts after a failed first one, or a mapping with more options. Infrastructure faults are counted "
        "separately: see `retries.causes`",
        default=0,
        inherited=True,
        example="2",
    ),
    Key(
        "on_failure",
        _ON_FAILURE,
        "after the last failed attempt: stop = the task fails and its dependents are skipped; continue = its "
        "dependents run",
        default=STOP,
        inherited=True,
        example="continue",
    ),
    Key(
        "outputs",
        _OUTPUTS,
        "where to find the job's outputs, which `when` and dependents read; by default the last line of the log, if "
        "that is a JSON object",
        example="{file: outputs.json}",
    ),
    Key(
        "logs",
        OneOf((TABLE, EVENT_TABLE)),
        "where the container's log is kept: table = in the history table for logs, event_table = in the account's "
        "event table",
        default=TABLE,
        inherited=True,
        example="event_table",
    ),
    Key("enabled", Flag(), "false = the job is skipped, and its dependents run", default=True, example="false"),
    Key("comment", _COMMENT, "what the job is for; shown on its task", default="", example="loads the orders"),
    Key(
        "runbook",
        Text("an address, or a text", "put it in quotes", longest=2048),
        "what to do when the job fails: an address or a text that messages about a failure contain",
        example="https://wiki.example.org/load",
    ),
)


def _only_here(kind: str) -> Key:
    doc = f"true = the file itself has no {kind} of this name: it is this environment's own"
    return Key(ONLY_HERE, Flag(), doc)


_JOB = Section(JOB_KEYS)
DEFAULT_KEYS = tuple(key for key in JOB_KEYS if key.inherited)
_DEFAULTS_EXAMPLE = "{image: 'my_job_image:1.0', compute_pool: PR_STD_POOL_XS}"
_DEFAULTS = Section(DEFAULT_KEYS)
_JOBS_EXAMPLE = "{load: {}, report: {after: [load]}}"

GRAPH_KEYS = (
    Key(
        "schedule",
        ScheduleText(),
        "when the graph runs automatically; without it, the graph runs only on demand",
        example="59 minutes",
    ),
    Key("root_task", NAME, "name of the root task, which starts a run; by default <GRAPH>_ROOT", example="ROOT_TASK"),
    Key(
        "finalizer",
        Flag(),
        "false = no finalizer closes a run, so no task history is kept and old services stay",
        default=True,
        example="false",
    ),
    Key(
        "finalizer_task",
        NAME,
        "name of the finalizer, which closes a run; by default <GRAPH>_FINALIZER",
        example="GET_GRAPH_STATS",
    ),
    Key("comment", _COMMENT, "what the graph is for; shown on its root task", default="", example="nightly load"),
    Key(
        "config",
        JsonValue(),
        "values that jobs read from their variable RUN_CONFIG; `jobgraph run --set KEY=VALUE` changes them for a run",
        example="{market: eu, days: 7}",
    ),
    Key(
        "overlap",
        OneOf(tuple(OVERLAPS)),
        "whether a run may start while another is in progress: none, children (only their jobs overlap), all",
        example="none",
    ),
    Key(
        "suspend_after_failures",
        Whole(0, 10_000),
        "failed runs in a row after which the graph is suspended; 0 = never. Snowflake's default is 10",
        example="3",
    ),
    Key(
        "auto_retry",
        Whole(0, 30),
        "how often Snowflake retries a failed graph, starting from the failed tasks",
        example="1",
    ),
    Key(
        "timeout",
        Duration(),
        "how long a whole run may take; by default as long as the longest chain of jobs may take",
        example="4 hours",
    ),
    Key("on_failure", _ON_FAILURE, "default of `on_failure` for the graph's jobs", example="continue"),
    Key("runner", _RUNNER, "default of `runner` for the graph's jobs", example="direct"),
    Key(
        "notify",
        _RECEIVERS,
        "who gets messages about the graph's runs: a receiver or a list of receivers, instead of the file's; [] for "
        "none",
        example=_NOTIFY_EXAMPLE,
    ),
    Key(
        "defaults",
        _DEFAULTS,
        "defaults for the jobs of the graph",
        example=_DEFAULTS_EXAMPLE,
    ),
    Key(
        "jobs",
        NamedSections(_JOB, "a mapping of jobs by name"),
        "the jobs of the graph, by name",
        required=True,
        example=_JOBS_EXAMPLE,
    ),
)


_GRAPH = Section(GRAPH_KEYS)
# What one environment says of a graph or of a job: the same keys, and whether it is one of its own (see `overlays`).
_JOB_CHANGES = Section((*JOB_KEYS, _only_here("job")))
_GRAPH_CHANGES = Section(
    (
        *(key for key in GRAPH_KEYS if key.name != JOBS),
        Key("jobs", NamedSections(_JOB_CHANGES, "a mapping of jobs by name"), "changes to jobs, by name"),
        _only_here("graph"),
    )
)
_OVERLAY_KEYS = (
    Key("defaults", _DEFAULTS, "changes to the file's defaults"),
    Key(
        "notify",
        _RECEIVERS,
        "who gets messages about the runs of graphs without a `notify`, instead of the file's receivers",
    ),
    Key("graphs", NamedSections(_GRAPH_CHANGES, "a mapping of graphs by name"), "changes to graphs, by name"),
)

FILE_KEYS = (
    Key("version", Whole(1, 1), "version of this format: 1", required=True, example="1"),
    Key(
        "defaults",
        _DEFAULTS,
        "defaults for all jobs of the file",
        example=_DEFAULTS_EXAMPLE,
    ),
    Key(
        "notify",
        _RECEIVERS,
        "who gets messages about the runs of graphs without a `notify`: a receiver or a list of receivers",
        example=_NOTIFY_EXAMPLE,
    ),
    Key(
        "environments",
        NamedSections(partial(Section(_OVERLAY_KEYS)), "a mapping of environments by name"),
        "what differs in the Pulumi stack of that name. It is merged over the rest of the file, key by key; a key "
        "with the value ~ is removed. A graph or a job that the rest of the file does not have needs `only_here: "
        "true`",
        example="{dev: {graphs: {daily: {schedule: ~}}}}",
    ),
    Key(
        "graphs",
        NamedSections(_GRAPH, "a mapping of graphs by name"),
        "the task graphs, by name",
        required=True,
        example="{daily: {jobs: {load: {}}}}",
    ),
)

FILE = Section(FILE_KEYS, "a mapping with version and graphs")
# what `jobconfig.<stack>.yaml` may say: it is merged over the file as an entry of `environments` is
OVERLAY = partial(Section((FILE_KEYS[0], *_OVERLAY_KEYS)))

_CHANGED = {"defaults": _DEFAULTS, "graph": _GRAPH_CHANGES, "job": _JOB_CHANGES}
# sections that stand in several places: the JSON Schema describes each once
SHARED = {
    "cron": CRON,
    "defaults": _DEFAULTS,
    "outputs": _OUTPUTS,
    "payload": _PAYLOAD,
    "receiver": _RECEIVER,
    "resources": _RESOURCES,
    "retries": _RETRIES,
    "secret": _SECRET,
    "volume": _VOLUME,
    "warehouse": _WAREHOUSE,
    "when": _WHEN,
    **{f"{name}_changes": partial(section) for name, section in _CHANGED.items()},
}
