"""All keys of `jobconfig.yaml`, as tables: name, kind, meaning, default. A new key starts here.

Knows what the file may say, one value at a time. Must not know rules between values (see `rules`), nor how a key
is used.
"""

from __future__ import annotations

import re

from jobgraph.kinds import Duration, JsonValue, ListOf, MapOf, OneOf, Scalar, Text, Whole
from jobgraph.model import CONTINUE, STOP
from jobgraph.names import IMAGE_REFERENCE
from jobgraph.sections import Key, Named, ScheduleText, Section

_NAME = Text("a name", "write the name as plain text")
_COMMENT = Text("a text", "put the comment in quotes", longest=1000)
_IMAGE = Text(
    "an image with its version",
    "write my_job_image:latest (in the stack's image repository), or /database/schema/repository/name:version",
    IMAGE_REFERENCE,
    longest=500,
)
_ENVIRONMENT = MapOf(
    Scalar(),
    re.compile(r"[A-Za-z_][A-Za-z0-9_]*"),
    "use letters, digits and underscores, and no digit first",
)
_RESOURCE_KEYS = (
    Key(
        "cpu",
        Scalar("a number of processors", "write 0.5 or 500m", re.compile(r"\d+(\.\d+)?|\d+m")),
        "processors requested, and the most that may be used: 0.5 or 500m",
    ),
    Key(
        "memory",
        Text("an amount of memory", "write 512Mi or 2Gi", re.compile(r"\d+(\.\d+)?(M|Mi|G|Gi)")),
        "memory requested, and the most that may be used: 512Mi or 2Gi",
    ),
)

JOB_KEYS = (
    Key("image", _IMAGE, "the image to run, as my_job_image:latest", inherited=True),
    Key("compute_pool", _NAME, "the compute pool whose nodes run the container", inherited=True),
    Key("warehouse", _NAME, "the warehouse for the container's queries; else the stack's", inherited=True),
    Key("after", ListOf(_NAME), "jobs that must be done first; without any, the job follows the root"),
    Key("args", ListOf(Scalar()), "arguments of the container's program"),
    Key("command", ListOf(Scalar()), "program to run instead of the image's ENTRYPOINT"),
    Key("env", _ENVIRONMENT, "environment variables; those of defaults are added", inherited=True),
    Key("retries", Whole(0, 30), "attempts after a failed first one", default=0, inherited=True),
    Key(
        "timeout",
        Duration(),
        "how long one attempt may take, waiting for a node included; then it is cancelled and has failed",
        default=3600,
        inherited=True,
    ),
    Key(
        "on_failure",
        OneOf((STOP, CONTINUE)),
        "after the last failed attempt: stop = the task fails and its dependents are skipped; continue = they go on",
        default=STOP,
        inherited=True,
    ),
    Key("comment", _COMMENT, "what the job is for; shown on its task", default=""),
    Key("resources", Section(_RESOURCE_KEYS), "processors and memory of the container"),
)

DEFAULT_KEYS = tuple(key for key in JOB_KEYS if key.inherited)
_DEFAULTS = Section(DEFAULT_KEYS)

GRAPH_KEYS = (
    Key("schedule", ScheduleText(), "when the graph runs by itself; without it, only on demand"),
    Key("root_task", _NAME, "name of the task that starts a run; else <GRAPH>_ROOT"),
    Key("finalizer_task", _NAME, "name of the task that closes a run; else <GRAPH>_FINALIZER"),
    Key("comment", _COMMENT, "what the graph is for; shown on its root task", default=""),
    Key("config", JsonValue(), "values that jobs read with SYSTEM$GET_TASK_GRAPH_CONFIG"),
    Key("defaults", _DEFAULTS, "what holds for every job of the graph that does not say otherwise"),
    Key("jobs", Named(Section(JOB_KEYS), "a mapping of jobs by name"), "the jobs of the graph, by name", required=True),
)

FILE_KEYS = (
    Key("version", Whole(1, 1), "version of this format: 1", required=True),
    Key("defaults", _DEFAULTS, "what holds for every job of the file that does not say otherwise"),
    Key("graphs", Named(Section(GRAPH_KEYS), "a mapping of graphs by name"), "the task graphs, by name", required=True),
)

FILE = Section(FILE_KEYS, "a mapping with version and graphs")
