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
        "the image to run: name and tag or digest, in the stack's image repository, or with its path",
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
        "the warehouse for the container's queries, or a mapping with that and the task's; else the stack's",
        inherited=True,
        example="SMALL_WAREHOUSE",
    ),
    Key(
        "runner",
        _RUNNER,
        "managed = a procedure starts the job and waits for it on a warehouse; direct = the job is its task's own "
        "statement, so that no warehouse is awake while it runs; then there are no `retries`",
        default=MANAGED,
        inherited=True,
        example="direct",
    ),
    Key(
        "after",
        ListOf(NAME),
        "jobs that must be done first; without any, the job follows the root. A matrix job's name means all of its",
        example="[check]",
    ),
    Key(
        "when",
        _WHEN,
        "a condition on what an ancestor returned, or on the run's `config`; if it does not hold, the job and all that "
        "follow it are skipped",
        example="{job: check, output: rows_written, above: 0}",
    ),
    Key("args", ListOf(Scalar()), "arguments of the container's program", example='["--query=select 1", --verbose]'),
    Key("table_name", NAME, "short for the argument --result_table=NAME", example="results_1"),
    Key("command", ListOf(Scalar()), "program to run instead of the image's ENTRYPOINT", example="[python3, other.py]"),
    Key(
        "env",
        _ENVIRONMENT,
        "environment variables; those of defaults are added",
        inherited=True,
        example="{REGION: eu, DEPTH: 3}",
    ),
    Key(
        "secrets",
        ListOf(_SECRET),
        "Snowflake secrets handed to the container, as variables or files",
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
        "external access integrations: what the container may reach outside Snowflake",
        inherited=True,
        example="[PYPI_ACCESS]",
    ),
    Key(
        "replicas",
        Whole(1, 150),
        "containers to run at once; each finds its number in SNOWFLAKE_JOB_INDEX",
        default=1,
        example="4",
    ),
    Key(
        "matrix",
        MapOf(ListOf(Scalar()), VARIABLE, VARIABLE_RULE),
        "makes one job of each combination of these values, named <job>_<value>_<value>; `${{ matrix.NAME }}` in "
        "after, args, table_name, command, env and comment stands for the value",
        example="{region: [eu, us], depth: [1, 2]}",
    ),
    Key(
        "payload",
        _PAYLOAD,
        "code to run in the stack's runtime image, for those who have no image; then `args` go to it",
        example="{path: examples/training/src, entrypoint: train_model.py}",
    ),
    Key(
        "timeout",
        Duration(),
        "how long one attempt may take, waiting for a node included; then it is cancelled and has failed. Without it, "
        "an hour, or the graph's `timeout` if that is shorter",
        default=3600,
        inherited=True,
        example="30 minutes",
    ),
    Key(
        "retries",
        Either(Whole(0, 30), _RETRIES, "count"),
        "attempts after a failed first one, or a mapping that says more. Faults of the infrastructure are counted "
        "apart: see `retries.causes`",
        default=0,
        inherited=True,
        example="2",
    ),
    Key(
        "on_failure",
        _ON_FAILURE,
        "after the last failed attempt: stop = the task fails and its dependents are skipped; continue = they go on",
        default=STOP,
        inherited=True,
        example="continue",
    ),
    Key(
        "outputs",
        _OUTPUTS,
        "where the job's outputs are, which `when` and dependents read; without it, the last line of the log if that "
        "is a JSON object",
        example="{file: outputs.json}",
    ),
    Key(
        "logs",
        OneOf((TABLE, EVENT_TABLE)),
        "where the container's log is kept: table = in history's table, event_table = in the account's event table",
        default=TABLE,
        inherited=True,
        example="event_table",
    ),
    Key(
        "enabled", Flag(), "false = the job is passed over, and what follows it goes on", default=True, example="false"
    ),
    Key("comment", _COMMENT, "what the job is for; shown on its task", default="", example="loads the orders"),
    Key(
        "runbook",
        Text("an address, or a text", "put it in quotes", longest=2048),
        "what to do when the job fails: an address or a text that messages about it name",
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
    Key("schedule", ScheduleText(), "when the graph runs by itself; without it, only on demand", example="59 minutes"),
    Key("root_task", NAME, "name of the task that starts a run; else <GRAPH>_ROOT", example="ROOT_TASK"),
    Key(
        "finalizer",
        Flag(),
        "false = no task closes a run, so no task history is kept and old services stay",
        default=True,
        example="false",
    ),
    Key(
        "finalizer_task", NAME, "name of the task that closes a run; else <GRAPH>_FINALIZER", example="GET_GRAPH_STATS"
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
        "may a run start while another goes on: none, children (only their jobs overlap), all",
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
        "how often Snowflake runs a failed graph again, from the failed tasks on",
        example="1",
    ),
    Key(
        "timeout",
        Duration(),
        "how long a whole run may take; without it, as long as the longest chain of jobs may",
        example="4 hours",
    ),
    Key("on_failure", _ON_FAILURE, "`on_failure` of the graph's jobs that do not say otherwise", example="continue"),
    Key("runner", _RUNNER, "`runner` of the graph's jobs that do not say otherwise", example="direct"),
    Key(
        "notify",
        _RECEIVERS,
        "who is told of the graph's runs: a receiver, or a list of them, instead of the file's; [] tells nobody",
        example=_NOTIFY_EXAMPLE,
    ),
    Key(
        "defaults",
        _DEFAULTS,
        "what holds for every job of the graph that does not say otherwise",
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
    Key("notify", _RECEIVERS, "who is told of the runs of graphs that do not say otherwise, instead of the file's"),
    Key("graphs", NamedSections(_GRAPH_CHANGES, "a mapping of graphs by name"), "changes to graphs, by name"),
)

FILE_KEYS = (
    Key("version", Whole(1, 1), "version of this format: 1", required=True, example="1"),
    Key(
        "defaults",
        _DEFAULTS,
        "what holds for every job of the file that does not say otherwise",
        example=_DEFAULTS_EXAMPLE,
    ),
    Key(
        "notify",
        _RECEIVERS,
        "who is told of the runs of each graph that does not say otherwise: a receiver, or a list of them",
        example=_NOTIFY_EXAMPLE,
    ),
    Key(
        "environments",
        NamedSections(partial(Section(_OVERLAY_KEYS)), "a mapping of environments by name"),
        "what is different in the Pulumi stack of that name: merged over the rest of the file, key by key; a key with "
        "nothing (~) is taken away. A graph or a job that the file itself does not have says `only_here: true`",
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
