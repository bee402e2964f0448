"""Values that are well formed and yet mean nothing, or nothing that could be deployed."""

from __future__ import annotations

import pytest

from jobgraph.resolving import resolved
from tests.jobgraph.test_reading import config, one_job, problems


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
