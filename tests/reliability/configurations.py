"""Valid job configurations made at random, with every key of the language somewhere.

Knows the language's keys and limits. Must not know the reader: what is made here is valid because of how it is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from jobgraph.config.explain.printing import printed

if TYPE_CHECKING:
    from random import Random

MOST_JOBS = 8
WORDS = ("load", "Clean", "join", "SCORE", "report", "export", "x")
POOLS = ("PR_STD_POOL_XS", "pr_std_pool_s")
TEXTS = (
    "--query=select current_time() as time,'hello'",
    "plain",
    "yes",
    "1:30",
    "a: b # c",
    'she said "no"',
    "it's",
    "two\nlines",
    "",
    " ",
    "$$ and ${HOME}",
    "{braces}, [brackets]",
    "naïve 😀 \u2028",
    "\\back\\slash",
    "\t",
    "~",
    "- dash",
    "&anchor *alias !tag %x @y `z`",
    "null",
    "0x1F",
    "1e3",
)
Values = dict[str, Any]


def configuration(random: Random) -> Values:
    """Return what a valid file says."""
    graphs = [f"g{number}_{random.choice(WORDS)}" for number in range(random.choice((1, 1, 1, 2, 3)))]
    found: Values = {"version": 1}
    defaults = {"image": _image(random), "compute_pool": random.choice(POOLS), **_some(random, _inherited(random), 0.2)}
    if random.random() < 0.8:
        found["defaults"] = defaults
        defaults = {}
    found["graphs"] = {key: _graph(random, key, defaults) for key in graphs}
    if random.random() < 0.2:
        overlay = {"defaults": {"timeout": "20 minutes"}, "graphs": {graphs[0]: {"schedule": None, "comment": "x"}}}
        found["environments"] = {"dev": overlay}
    return found


def text(random: Random, document: Values) -> str:
    """Return the document as YAML, in one of several styles."""
    style = random.randrange(4)
    if style == 0:
        return printed(document)
    return yaml.safe_dump(
        document,
        sort_keys=False,
        allow_unicode=random.random() < 0.5,
        default_flow_style={1: None, 2: False, 3: True}[style],
        width=random.choice((40, 120, 10_000)),
    )


def _some(random: Random, values: Values, share: float) -> Values:
    return {key: value for key, value in values.items() if random.random() < share}


def _image(random: Random) -> str:
    name = random.choice(("my_job_image", "/tutorial_db/data_schema/repository/my-job.image"))
    return name + random.choice((":1.4.2", ":latest", "@sha256:" + "0f" * 32))


def _texts(random: Random) -> list[Any]:
    return [random.choice((*TEXTS, 7, 1.5, True)) for _ in range(random.randint(0, 3))]


def _inherited(random: Random) -> Values:
    """Return keys that defaults may have too."""
    return {
        "warehouse": random.choice(("SMALL_WAREHOUSE", {"query": "w_1", "task": "W_2"}, {"task": "W_2"})),
        "env": {name: random.choice((*TEXTS, 3, False)) for name in random.sample(("REGION", "LEVEL", "a_1"), 2)},
        "secrets": [
            {"secret": "my_secret", "env": "LOGIN"},
            {"secret": "db.safe.other", "directory": "/secrets/other"},
        ],
        "resources": random.choice(({"cpu": 0.5, "memory": "1Gi"}, {"cpu": "500m"}, {"gpu": 1, "memory": "1.5G"})),
        "volumes": _volumes(random),
        "external_access": random.sample(("pypi_access", "WEB"), random.randint(1, 2)),
        "timeout": random.choice(("90 seconds", "30 minutes", "2 hours", "1 hour")),
        "retries": _retries(random),
        "on_failure": random.choice(("stop", "continue")),
        "logs": random.choice(("table", "event_table")),
    }


def _volumes(random: Random) -> Values:
    kinds = {
        "scratch": {"source": "local", "path": "/scratch"},
        "cache-1": {"source": "memory", "path": "/cache", "size": "1Gi"},
        "data": {"source": "stage", "path": "/data", "stage": random.choice(("@jobs/in", "db.sc.other", "jobs"))},
        "disk": {"source": "block", "path": "/disk", "size": "10Gi"},
    }
    return {name: kinds[name] for name in random.sample(sorted(kinds), random.randint(1, 3))}


def _retries(random: Random) -> int | Values:
    if random.random() < 0.5:
        return random.randint(0, 5)
    more = {
        "backoff": random.choice(("0 seconds", "30 seconds", "1 minute")),
        "longest_backoff": "10 minutes",
        "max_elapsed": "6 hours",
        "causes": {"timeout": 0, "out_of_memory": 1},
        "rules": [
            {"count": 0, "reasons": ["timeout"]},
            {"count": 2, "exit_codes": [75, "100-110"], "backoff": "0 seconds"},
            {"count": 1, "message": "dead[l]ock", "longest_backoff": "1 minute"},
        ],
    }
    return {"count": random.randint(0, 5), **_some(random, more, 0.5)}


# with what a direct job cannot have said to be otherwise, whatever defaults say
DIRECT = {"runner": "direct", "retries": 0, "on_failure": "stop", "warehouse": "SMALL_WAREHOUSE"}


def _graph(random: Random, key: str, defaults: Values) -> Values:
    options: Values = {
        "schedule": random.choice(
            ("59 minutes", "1 hour", "30 seconds", {"cron": "0 12 * * MON-FRI", "timezone": "Europe/Berlin"})
        ),
        "root_task": f"{key}_starts",
        "finalizer": random.choice((True, False)),
        "finalizer_task": f"{key}_Ends",
        "comment": random.choice(TEXTS),
        "config": {"a": random.choice((*TEXTS, 1, 2.5, None, True)), "b": [1, {"c": "$"}], "d": {}},
        "overlap": random.choice(("none", "children", "all")),
        "suspend_after_failures": random.randint(0, 20),
        "auto_retry": random.randint(0, 3),
        "timeout": "20 hours",
        "on_failure": random.choice(("stop", "continue")),
        "defaults": _some(random, _inherited(random), 0.2),
    }
    found = _some(random, options, 0.35)
    if defaults:
        found["defaults"] = {**found.get("defaults", {}), **defaults}
    jobs: Values = {}
    for number in range(random.randint(1, MOST_JOBS)):
        job = _job(random, jobs)
        if found.get("finalizer", True) and random.random() < 0.25:
            job = {name: value for name, value in job.items() if name != "outputs"} | DIRECT
        jobs[f"{key}_{random.choice(WORDS)}_{number}"] = job
    return {**found, "jobs": jobs}


def _job(random: Random, earlier: Values) -> Values:
    plain = [name for name, job in earlier.items() if "matrix" not in job and job.get("enabled", True)]
    found = _some(random, _inherited(random), 0.15)
    if random.random() < 0.2:
        found |= {"image": _image(random), "compute_pool": random.choice(POOLS)}
    if earlier and random.random() < 0.8:
        found["after"] = _any_case(random, random.sample(sorted(earlier), random.randint(1, min(3, len(earlier)))))
        followed = [name for name in plain if name.upper() in {one.upper() for one in found["after"]}]
        if followed and random.random() < 0.3:
            found["when"] = _condition(random, random.choice(followed))
    more = {
        "args": _texts(random),
        "command": ["python3", *_texts(random)],
        "table_name": "results_1",
        "replicas": random.randint(1, 4),
        "enabled": random.random() < 0.5,
        "comment": random.choice(TEXTS),
        "outputs": {"file": "outputs.json"},
    }
    found |= _some(random, more, 0.25)
    if random.random() < 0.1:
        found["matrix"] = {"region": ["eu", "us"], "depth": random.choice(([1], [1, 2.5]))}
        found["args"] = ["--region=${{ matrix.region }}", "${{matrix.depth}}"]
    if random.random() < 0.1 and "command" not in found:
        found["payload"] = {"path": "./src", "entrypoint": "train.py", "pip_requirements": ["numpy==2.2.*"]}
    return found


def _any_case(random: Random, names: list[str]) -> list[str]:
    return [random.choice((name, name.lower(), name.upper())) for name in names]


def _condition(random: Random, job: str) -> Values:
    test = random.choice(("is", "is_not", "above", "below"))
    value: Any = (
        random.choice((0, 7, -1.5)) if test in ("above", "below") else random.choice((True, "go", "it's", 7, ""))
    )
    return {"job": job, **({"output": "rows_written"} if random.random() < 0.5 else {}), test: value}
