"""Values that are well formed and yet mean nothing, or nothing that could be deployed."""

from __future__ import annotations

import pytest

from jobgraph.config.explain.resolving import resolved
from jobgraph.config.keys import GRAPH_KEYS, JOB_KEYS
from jobgraph.errors import ConfigErrors
from jobgraph.plan.planning import Procedures, plan
from jobgraph.plan.privileges import needed_grants
from jobgraph.settings import Settings
from tests.jobgraph.config.test_reading import config, one_job, problems


@pytest.mark.parametrize(
    ("job", "told"),
    [
        ('payload: {path: "a\\0b", entrypoint: run.py}', "3:17 value-form"),
        ('table_name: "a\\0b"', "3:13 value-form"),
        ('comment: "a\\0b"', "3:10 value-form"),
        (f"when: {{output: {'a' * 256}, job: b, is: 1}}", "3:16 value-length"),
        (f"secrets: [{{secret: s.{'a' * 256}, env: E}}]", "3:20 value-form"),
        (f"volumes: {{v: {{source: stage, path: /v, stage: {'a' * 256}}}}}", "3:47 value-form"),
    ],
)
def test_texts_that_no_deploy_could_use(job: str, told: str) -> None:
    assert told in problems(one_job(job))


@pytest.mark.parametrize("repository", ["1d/s/r", f"d/s/{'a' * 256}"])
def test_an_image_in_what_can_be_no_repository(repository: str) -> None:
    assert problems(one_job("").replace("x:1", f"/{repository}/x:1")) == ["2:32 value-form"]


@pytest.mark.parametrize(
    "job",
    [
        "payload: {path: '', entrypoint: run.py}",
        "payload: {path: src, entrypoint: ''}",
        "retries: {count: 2, causes: {}}",
        "retries: {count: 2, rules: []}",
    ],
)
def test_what_is_empty_is_the_same_when_it_is_resolved(job: str) -> None:
    read_once = config(one_job(job))
    assert config(resolved(read_once)).graphs == read_once.graphs


def test_retries_with_no_causes_and_no_rules_are_a_number() -> None:
    assert config(one_job("retries: {count: 2, causes: {}, rules: []}")).graphs == config(one_job("retries: 2")).graphs


LONG = "a" * 300
ODD = (
    *("~", '""', '" "', '"a\\0b"', '"\\x1b[31m"', '"$$"', '"*/"', '"${{ matrix. }}"', LONG, f"d.s.{LONG}", "yes"),
    *("2001-99-99", "!!int x", "!mine x", ".nan", "-0", "0o7", "1:99", "1e3", "1.5", "9223372036854775808"),
    *("[]", "{}", "[[]]", "[~]", "[{}]", "{a: ~}", "{~: 1}", "{[a]: b}", "&x [*x]", "&y {a: *y}", f"[{LONG}]"),
    *("a.b.c.d", "/1/b/c/d:1", "{job: b}", "{job: b, is: 1}", "{a: [x], b: ['y z']}", "{v: {}}", "{path: ''}"),
    *(f"[{{secret: {LONG}, env: E}}]", "[{secret: s}]", f"{{v: {{source: stage, path: /x, stage: {LONG}}}}}"),
    *("{count: 1, rules: [{count: 1, message: '('}]}", "{count: 1, causes: {}}", "{file: ../x}", "{query: a, task: b}"),
    *("{cron: '0 0 30 2 *', timezone: UTC}", "{cron: '* * * * *', timezone: Mars}", "99999999999 days"),
)


def reported_or_planned(text: str) -> None:
    try:
        found = config(text)
    except ConfigErrors:
        return
    planned = plan(found, Settings(), Procedures("run", "finalize"))
    assert len(planned.graphs) == 1
    list(needed_grants(planned.needs))
    assert config(resolved(found)).graphs == found.graphs


@pytest.mark.parametrize("key", [key.name for key in JOB_KEYS])
def test_whatever_a_key_of_a_job_says_it_is_reported_or_can_be_deployed(key: str) -> None:
    whole = {"image": "x:1", "compute_pool": "PR_STD_POOL_S"}
    others = "".join(f"{name}: {value}, " for name, value in whole.items() if name != key)
    for value in ODD:
        jobs = f"b: {{image: x:1, compute_pool: PR_STD_POOL_S}}, a: {{{others}{key}: {value}}}"
        reported_or_planned(f"version: 1\ngraphs: {{g: {{jobs: {{{jobs}}}}}}}\n")


@pytest.mark.parametrize("key", [key.name for key in GRAPH_KEYS if key.name != "jobs"])
def test_whatever_a_key_of_a_graph_says_it_is_reported_or_can_be_deployed(key: str) -> None:
    for value in ODD:
        reported_or_planned(one_job("").replace("{jobs:", f"{{{key}: {value}, jobs:"))
