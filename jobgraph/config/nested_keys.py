"""The keys inside the values of a job and of a graph: resources, secrets, volumes and so on, as tables.

Knows the valid values of each key. Must not know the rules between values (see `rules`), nor how a key is used.
"""

from __future__ import annotations

import re

from jobgraph.config.kinds import Duration, Identifier, ListOf, MapOf, OneOf, Plain, Scalar, Text, Whole
from jobgraph.config.sections import Either, Key, Section
from jobgraph.names import LONGEST_IDENTIFIER

CAUSES = ("application", "image", "infrastructure", "out_of_memory", "timeout")
SOURCES = ("local", "memory", "stage", "block")
TESTS = ("is", "is_not", "above", "below")
SECRET_PARTS = ("secret_string", "username", "password", "access_token")

NAME = Text("a name", "write the name as plain text")
OBJECT = Identifier()
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
VARIABLE_RULE = "use letters, digits and underscores, and no digit first"
_SIZE = Text("an amount of memory", "write 512Mi or 2Gi", re.compile(r"\d+(\.\d+)?(M|Mi|G|Gi)"))
_FOLDER = Text("an absolute path in the container", "write /data", re.compile(r"/[^\s$]*"), longest=500)
_OBJECT = Text(
    "the name of an object",
    "write my_secret (in the stack's schema), or my_database.my_schema.my_secret",
    re.compile(r"([A-Za-z_]\w{0,254}\.){0,2}[A-Za-z_]\w{0,254}", re.ASCII),
    longest=800,
)

RESOURCE_KEYS = (
    Key(
        "cpu",
        Scalar("a number of processors", "write 0.5 or 500m", re.compile(r"\d+(\.\d+)?|\d+m")),
        "CPUs requested, which is also the limit: 0.5 or 500m",
        example="{cpu: 500m}",
    ),
    Key("memory", _SIZE, "memory requested, which is also the limit: 512Mi or 2Gi", example="{memory: 2Gi}"),
    Key("gpu", Whole(1, 8), "GPUs; the pool's instance family must have as many", example="{gpu: 1, memory: 8Gi}"),
)

WHEN_KEYS = (
    Key("job", NAME, "the ancestor whose return value is tested", example="{job: check, is: go}"),
    Key(
        "config",
        Text("a key of the graph's `config`", VARIABLE_RULE, VARIABLE, longest=LONGEST_IDENTIFIER),
        "instead of `job`: a key of the graph's `config`, as it is in the run (`jobgraph run --set KEY=VALUE`)",
        example="{config: market, is: eu}",
    ),
    Key(
        "output",
        Text("the name of a field", "write the name as plain text", VARIABLE, longest=LONGEST_IDENTIFIER),
        "a field of the JSON object that the job's program printed last; without it, the whole return value",
        example="{job: check, output: rows_written, above: 0}",
    ),
    Key("is", Plain(), "run only if the value equals this", example="{job: check, output: ready, is: true}"),
    Key(
        "is_not",
        Plain(),
        "run only if the value differs from this",
        example="{job: check, output: state, is_not: empty}",
    ),
    Key(
        "above",
        Plain(numbers_only=True),
        "run only if the value is greater; a value that is not a number never is",
        example="{job: check, output: n, above: 0.5}",
    ),
    Key(
        "below",
        Plain(numbers_only=True),
        "run only if the value is less; a value that is not a number never is",
        example="{job: check, output: n, below: 10}",
    ),
)

SECRET_KEYS = (
    Key("secret", _OBJECT, "the Snowflake secret", required=True, example="[{secret: my_token, env: API_TOKEN}]"),
    Key(
        "env",
        Text("the name of a variable", VARIABLE_RULE, VARIABLE),
        "the variable that gets its value",
        example="[{secret: my_token, env: API_TOKEN}]",
    ),
    Key(
        "directory",
        _FOLDER,
        "the folder that contains its parts as files, which are kept up to date",
        example="[{secret: db.safe.my_login, directory: /secrets/login}]",
    ),
    Key(
        "key",
        OneOf(SECRET_PARTS),
        "which part of the secret the variable gets; by default secret_string",
        example="[{secret: my_login, env: DB_PASSWORD, key: password}]",
    ),
)

VOLUME_KEYS = (
    Key(
        "source",
        OneOf(SOURCES),
        "where its files are: local (the node's disk), memory, stage, block (a separate disk)",
        required=True,
        example="{scratch: {source: local, path: /scratch}}",
    ),
    Key(
        "path",
        _FOLDER,
        "where it is mounted in the container",
        required=True,
        example="{scratch: {source: local, path: /scratch}}",
    ),
    Key(
        "size",
        _SIZE,
        "its size; needed for memory and block",
        example="{cache: {source: memory, path: /dev/shm, size: 1Gi}}",
    ),
    Key(
        "stage",
        Text(
            "a stage, perhaps with a folder",
            "write my_stage/folder, or my_database.my_schema.my_stage/folder",
            re.compile(r"@?([A-Za-z_]\w{0,254}\.){0,2}[A-Za-z_]\w{0,254}(/[\w.=-]+)*/?", re.ASCII),
            longest=800,
        ),
        "the stage, optionally with a folder; needed for stage",
        example="{data: {source: stage, path: /data, stage: jobs/data}}",
    ),
)

RETRYABLE = ("app_error", "out_of_memory", "image_pull", "timeout", "pool_unavailable", "preempted", "internal")
RETRY_RULE_KEYS = (
    Key(
        "count",
        Whole(0, 30),
        "attempts after failures that match this rule, counted separately from all others",
        required=True,
        example="{count: 1, rules: [{exit_codes: [75], count: 5}]}",
    ),
    Key(
        "reasons",
        ListOf(OneOf(RETRYABLE)),
        "matches only these reason classes. The others, spec_invalid, permission and cancelled, are never retried",
        example="{count: 1, rules: [{reasons: [out_of_memory, timeout], count: 0}]}",
    ),
    Key(
        "exit_codes",
        ListOf(Scalar("an exit code, or a range", "write 75 or 100-110", re.compile(r"\d{1,3}(-\d{1,3})?"))),
        "matches only these exit codes, 0 to 255, or ranges of them",
        example="{count: 1, rules: [{exit_codes: [75, 100-110], count: 5, backoff: 1 minute}]}",
    ),
    Key(
        "message",
        Text("a regular expression", "write it in single quotes", longest=1000),
        "matches only if this Python regular expression is found in the platform's message about the failure, or in "
        "the first or the last line of the log that mentions an error",
        example="{count: 1, rules: [{message: '(?i)deadlock|lock timeout', count: 3}]}",
    ),
    Key(
        "backoff",
        Duration(0),
        "`backoff` after failures that match this rule",
        example="{count: 1, rules: [{exit_codes: [75], count: 5, backoff: 1 minute}]}",
    ),
    Key(
        "longest_backoff",
        Duration(),
        "`longest_backoff` after failures that match this rule",
        example="{count: 1, rules: [{exit_codes: [75], count: 9, backoff: 1 minute, longest_backoff: 5 minutes}]}",
    ),
)

OUTPUT_KEYS = (
    Key(
        "file",
        Text("the name of a file", "write outputs.json", re.compile(r"[\w][\w.-]*", re.ASCII), longest=200),
        "the file, with a JSON object of at most 10,000 bytes, that the program writes to the stage path in the "
        "variable JOB_RESULTS_STAGE_PATH; if the file is missing or invalid, the attempt fails",
        required=True,
        example="{file: outputs.json}",
    ),
)

RETRY_KEYS = (
    Key("count", Whole(0, 30), "attempts after a failed first one", required=True, example="{count: 3}"),
    Key(
        "backoff",
        Duration(0),
        "pause before the second attempt. It doubles for each later attempt, and is shortened by up to a half, by an "
        "amount that varies from run to run. By default 30 seconds after infrastructure faults",
        example="{count: 3, backoff: 30 seconds}",
    ),
    Key(
        "longest_backoff",
        Duration(),
        "the longest such pause",
        example="{count: 9, backoff: 1 minute, longest_backoff: 10 minutes}",
    ),
    Key(
        "max_elapsed",
        Duration(),
        "no new attempt starts after this time",
        example="{count: 5, max_elapsed: 2 hours}",
    ),
    Key(
        "causes",
        MapOf(Whole(0, 30), re.compile("|".join(CAUSES)), f"causes are {', '.join(CAUSES)}"),
        f"attempts after a failure of that cause ({', '.join(CAUSES)}), counted apart, instead of `count`. Without it, "
        "faults before the program began (no node, no image) have 2 of their own, and a lost node or an error of "
        "Snowflake's has 2 of its own if `count` is more than 0",
        example="{count: 2, causes: {out_of_memory: 0, infrastructure: 5}}",
    ),
    Key(
        "rules",
        ListOf(Section(RETRY_RULE_KEYS)),
        "rules for some failures, by reason class, exit code or message; the first rule that matches decides, before "
        "`causes` and `count`",
        example="{count: 1, backoff: 10 seconds, rules: [{exit_codes: [75], message: busy, count: 5}]}",
    ),
)

PAYLOAD_KEYS = (
    Key(
        "path",
        Text("a path", "write ./src"),
        "the file or folder with the code, relative to this file's folder",
        required=True,
        example="{path: examples/training/src, entrypoint: train_model.py}",
    ),
    Key(
        "entrypoint",
        Text("a path", "write train.py"),
        "the Python file to run, below `path`; a single file needs none",
        example="{path: examples/training/src, entrypoint: train_model.py}",
    ),
    Key(
        "pip_requirements",
        ListOf(Text("a requirement", "write numpy==2.2.*", re.compile(r"[^\s$-][^\n$]*"))),
        "packages that pip installs first; needs external_access to a package index",
        example="{path: examples/training/src, entrypoint: train_model.py, pip_requirements: ['numpy==2.2.*']}",
    ),
)

EVENTS = ("failure", "success", "recovered", "late")
_ADDRESS = Text(
    "an e-mail address", "write ops@example.org", re.compile(r"[^@\s,'\"$\\]+@[^@\s,'\"$\\]+\.[^@\s,'\"$\\]+"), 320
)
EMAIL_KEYS = (
    Key(
        "to",
        ListOf(_ADDRESS),
        "the addresses; each must be the verified address of a user of the account",
        required=True,
        example="{email: {to: [ops@example.org], integration: OPS_MAIL}}",
    ),
    Key(
        "integration",
        OBJECT,
        "an existing notification integration of type EMAIL; without it, the stack creates one",
        example="{email: {to: [ops@example.org], integration: OPS_MAIL}}",
    ),
)
_HOOK_EXAMPLE = "{webhook: {type: slack, secret: safe.hooks.slack}}"
WEBHOOK_KEYS = (
    Key(
        "type",
        OneOf(("slack", "teams", "pagerduty")),
        "the service that the webhook belongs to",
        required=True,
        example=_HOOK_EXAMPLE,
    ),
    Key(
        "secret",
        _OBJECT,
        "the Snowflake secret (TYPE = GENERIC_STRING) with the secret part of the address, or with the integration "
        "key for PagerDuty. The run role is granted READ on it",
        example=_HOOK_EXAMPLE,
    ),
    Key(
        "url",
        Text("the address of a webhook", "write https://...", re.compile(r"https://[^\s'\"$\\]+"), 2000),
        "the address, with SNOWFLAKE_WEBHOOK_SECRET in place of its secret part; needed for Teams",
        example="{webhook: {type: teams, secret: hook, url: 'https://default1.environment.api.powerplatform.com/"
        "powerautomate/automations/direct/workflows/SNOWFLAKE_WEBHOOK_SECRET/triggers/manual/paths/invoke'}}",
    ),
    Key(
        "integration",
        OBJECT,
        "an existing notification integration of type WEBHOOK; without it, the stack creates one",
        example="{webhook: {type: slack, integration: OPS_SLACK}}",
    ),
)
_TIME_EXAMPLE = "{email: [ops@example.org], late_after: {time: '07:00', timezone: Europe/Berlin}}"
TIME_OF_DAY_KEYS = (
    Key(
        "time",
        Text("a time of day", "write '07:00', in quotes", re.compile(r"([01]\d|2[0-3]):[0-5]\d")),
        "the first such time after a scheduled start",
        required=True,
        example=_TIME_EXAMPLE,
    ),
    Key(
        "timezone",
        Text("a time zone", "write UTC or Europe/Berlin"),
        "IANA time zone of that time",
        required=True,
        example=_TIME_EXAMPLE,
    ),
)
RECEIVER_KEYS = (
    Key(
        "events",
        ListOf(OneOf(EVENTS)),
        "which messages to send: failure (a run failed or was cancelled), success, recovered (the first good run "
        "after a bad one), late (no run has ended by `late_after`, a run is stuck, the root is suspended, the "
        "finalizer failed). By default failure, recovered and late; for an existing PagerDuty integration, failure "
        "and late",
        example="{email: [ops@example.org], events: [failure, recovered]}",
    ),
    Key(
        "email",
        Either(ListOf(_ADDRESS), Section(EMAIL_KEYS), "to"),
        "who gets an e-mail: addresses, or a mapping that also names the integration",
        example="{email: [ops@example.org]}",
    ),
    Key("webhook", Section(WEBHOOK_KEYS, "a mapping"), "where to post the message", example=_HOOK_EXAMPLE),
    Key(
        "late_after",
        Either(Duration(60), Section(TIME_OF_DAY_KEYS), "seconds"),
        "a run is late if it has not ended this long after its scheduled start, or by this time of day",
        example="{email: [ops@example.org], late_after: 2 hours}",
    ),
)

WAREHOUSE_KEYS = (
    Key("query", OBJECT, "the warehouse for the container's queries", example="{query: SMALL_WAREHOUSE}"),
    Key(
        "task",
        OBJECT,
        "the warehouse on which the job's task waits for the container",
        example="{task: SMALL_WAREHOUSE}",
    ),
)
