"""What the file can say, and what is made of it. UPDATE_GOLDENS=1 rewrites the files in golden/; read their diff."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from jobgraph.config.explain.resolving import resolved
from jobgraph.config.reading import read
from jobgraph.config.schedules import Cron
from jobgraph.config.timing import duration_text
from jobgraph.errors import ERROR, WARNING, ConfigErrors, UsageError
from jobgraph.images import image_repository
from jobgraph.plan.planning import Plan, Procedures, plan
from jobgraph.plan.privileges import needed_grants
from jobgraph.settings import Settings
from tests.golden import compare

if TYPE_CHECKING:
    from jobgraph.config.model import Config

GOLDEN = Path(__file__).parents[1] / "golden"
POOLS = {"PR_STD_POOL_XS": "CPU_X64_XS", "PR_STD_POOL_S": "CPU_X64_S", "GPU_POOL": "GPU_NV_S"}
EVERYTHING = GOLDEN / "everything.yaml"


def planned(config: Config) -> Plan:
    return plan(config, Settings(), Procedures("run", "finalize"))


def without_hashes(value: Any) -> Any:
    """A plan as plain data, without texts that repeat the definition, hashes of all that, and this folder's path."""
    if isinstance(value, dict):
        procedures = {"run_job", "finalize_graph", "drop_superseded"}
        left = {k: v for k, v in value.items() if k not in {"hash", "sql", "settings", *procedures}}
        return {k: without_hashes(v) for k, v in left.items() if k not in {"gate", "configuration", "places"}}
    return [without_hashes(v) for v in value] if isinstance(value, list | tuple) else value


def test_every_option_reaches_the_plan() -> None:
    found = planned(read(EVERYTHING, POOLS))
    compare(GOLDEN / "everything.plan.json", json.dumps(without_hashes(asdict(found)), indent=1) + "\n")


def test_the_resolved_file_says_the_same() -> None:
    config = read(EVERYTHING, POOLS)
    text = resolved(config)
    compare(GOLDEN / "everything.resolved.yaml", text)
    assert read(GOLDEN / "everything.resolved.yaml", POOLS).graphs == config.graphs


def test_every_mistake_by_itself_is_told() -> None:
    with pytest.raises(ConfigErrors) as caught:
        read(GOLDEN / "mistakes.yaml", POOLS)
    compare(GOLDEN / "mistakes.txt", str(caught.value).replace(str(GOLDEN / "mistakes.yaml"), "mistakes.yaml") + "\n")


def test_no_report_repeats_a_secret() -> None:
    text = (GOLDEN / "mistakes.txt").read_text()
    for secret in ("hunter2", "me:pass", "AKIAABCDEFGHIJKLMNOP", "abc"):
        assert secret not in text


def test_an_environment_is_merged_over_the_file() -> None:
    base, prod, dev = (read(EVERYTHING, POOLS, name).graphs[0] for name in (None, "prod", "dev"))
    assert read(EVERYTHING, POOLS, "elsewhere").graphs[0] == base
    assert (base.schedule, prod.schedule, dev.schedule) == (
        Cron("0 2 * * *", "UTC"),
        Cron("30 3 * * MON-FRI", "Europe/Berlin"),
        None,
    )
    retries = [{job.key: job.retries for job in graph.jobs}["load"] for graph in (base, prod, dev)]
    assert retries == [3, 5, 3]
    assert [job.key for job in base.jobs if job not in dev.jobs] == ["report"]
    assert dev.timeout == 8 * 3600


def test_an_overlay_file_comes_last_and_its_mistakes_are_told_in_it(tmp_path: Path) -> None:
    file, overlay = tmp_path / "jobs.yaml", tmp_path / "jobs.dev.yaml"
    file.write_text(
        "version: 1\ndefaults: {image: 'x:1', compute_pool: PR_STD_POOL_S}\n"
        "environments: {dev: {graphs: {g: {jobs: {a: {retries: 1, timeout: 1 hour}}}}}}\n"
        "graphs: {g: {jobs: {a: {}}}}\n"
    )
    overlay.write_text("# what dev has\ngraphs:\n  g: {jobs: {a: {retries: 2}, b: {only_here: true, after: [a]}}}\n")
    jobs = read(file, POOLS, "dev").graphs[0].jobs
    assert [(job.key, job.retries, job.timeout) for job in jobs] == [("a", 2, 3600), ("b", 0, 3600)]
    assert read(file, POOLS).graphs[0].jobs[0].retries == 0
    overlay.write_text("# what dev has\ngraphs:\n  g: {jobs: {a: {retries: two}, b: {after: [c], only_here: true}}}\n")
    with pytest.raises(ConfigErrors) as caught:
        read(file, POOLS, "dev")
    assert [(p.mark.file, p.mark.line, p.mark.column, p.rule) for p in caught.value.problems] == [
        (str(overlay), 3, 27, "value-type"),
        (str(overlay), 3, 45, "predecessor-exists"),
    ]


def test_an_overlay_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text("version: 1\ngraphs: {}\n")
    (tmp_path / "jobs.dev.yaml").mkdir()
    with pytest.raises(UsageError, match=r"jobs\.dev\.yaml: cannot be read"):
        read(tmp_path / "jobs.yaml", POOLS, "dev")


def test_warnings_let_a_file_pass_unless_it_is_read_strictly(tmp_path: Path) -> None:
    file = tmp_path / "jobs.yaml"
    file.write_text("version: 1\ngraphs: {g: {jobs: {a: {image: 'x:latest', compute_pool: PR_STD_POOL_S}}}}\n")
    config = read(file, POOLS)
    assert [(w.rule, w.severity, w.mark.line, w.mark.column) for w in config.warnings] == [
        ("image-tag", WARNING, 2, 32)
    ]
    with pytest.raises(ConfigErrors, match=r"1 problem found \(a warning\)"):
        read(file, POOLS, strict=True)


def test_a_matrix_is_a_job_for_each_combination_and_its_name_stands_for_all() -> None:
    graph = read(EVERYTHING, POOLS).graphs[0]
    names = ["TRAIN_EU_2", "TRAIN_EU_3_5", "TRAIN_US_2", "TRAIN_US_3_5"]
    jobs = {job.name: job for job in graph.jobs}
    assert [name for name in jobs if name.startswith("TRAIN")] == names
    assert jobs["REPORT"].after == tuple(names)
    assert jobs["TRAIN_US_3_5"].args == ("--region=us", "--depth", "3.5")
    assert jobs["TRAIN_US_3_5"].comment == "trains us"


def test_what_jobs_use_beyond_the_stack_is_granted_to_the_run_role() -> None:
    grants = {(g.object_type, g.object): g.privileges for g in needed_grants(planned(read(EVERYTHING, POOLS)).needs)}
    assert grants["WAREHOUSE", "LOAD_WH"] == grants["INTEGRATION", "PYPI_ACCESS"] == ("USAGE",)
    assert grants["SECRET", '"VAULT"."SAFE"."LOGIN"'] == ("READ",)
    assert grants["SECRET", '"PR_CONTAINER_ORCHESTRATION"."PUBLIC"."MY_TOKEN"'] == ("READ",)
    assert grants["STAGE", '"LAKE"."RAW"."FILES"'] == ("READ", "WRITE")
    assert grants["IMAGE REPOSITORY", '"OTHER_DB"."SC"."IMAGES"'] == ("READ",)
    assert {name for kind, name in grants if kind == "DATABASE"} == {"LAKE", "OTHER_DB", "VAULT"}
    schemas = {g.object for g in needed_grants(planned(read(EVERYTHING, POOLS)).needs) if g.label.startswith("schema ")}
    assert schemas == {'"LAKE"."RAW"', '"OTHER_DB"."SC"', '"VAULT"."SAFE"'}


@pytest.mark.parametrize(
    ("image", "repository"),
    [("x:1", ""), ("/d/s/r/x:1", "D.S.R"), ("o-a.registry.snowflakecomputing.com/d/s/r/x@sha256:" + "0" * 64, "D.S.R")],
)
def test_the_repository_of_an_image(image: str, repository: str) -> None:
    assert image_repository(image) == repository


def test_a_payload_is_staged_once_under_its_hash_and_another_content_is_another_file(tmp_path: Path) -> None:
    text = (
        "version: 1\ngraphs: {g: {defaults: {compute_pool: PR_STD_POOL_S, image: 'own:1'}, jobs: {\n"
        "  a: {payload: {path: code}}, b: {payload: {path: code.py}}, c: {payload: {path: code.py}, image: 'x:1'}}}}\n"
    )
    (tmp_path / "jobs.yaml").write_text(text.replace("path: code}", "path: ./code, entrypoint: ./run.py}"))
    (tmp_path / "code" / "__pycache__").mkdir(parents=True)
    (tmp_path / "code" / "__pycache__" / "run.pyc").write_bytes(b"x")
    (tmp_path / "code" / "run.py").write_text("print(1)")
    (tmp_path / "code.py").write_text("print(2)")
    config = read(tmp_path / "jobs.yaml", POOLS)
    first = planned(config)
    a, b, c = config.graphs[0].jobs
    assert a.payload is not None
    assert set(a.payload.files) == {"run.py"}
    assert b.payload == c.payload
    assert len(first.payloads) == 2
    images = [t.definition["specification"]["spec"]["containers"][0]["image"] for t in first.graphs[0].tasks]  # type: ignore[index]  # jobs' tasks have one
    assert [image.rpartition("/")[2] for image in images] == ["job_runtime:1.2", "job_runtime:1.2", "x:1"]
    (tmp_path / "code.py").write_text("print(3)")
    second = planned(read(tmp_path / "jobs.yaml", POOLS))
    assert [p.name for p in first.payloads if p not in second.payloads] == [first.payloads[1].name]
    assert first.graphs[0].gate != second.graphs[0].gate


def test_a_payload_that_is_too_large_or_empty(tmp_path: Path) -> None:
    file = tmp_path / "jobs.yaml"
    file.write_text("version: 1\ngraphs: {g: {jobs: {a: {compute_pool: PR_STD_POOL_S, payload: {path: code}}}}}\n")
    for content, rule in ((None, "payload-missing"), (b"x" * 600_001, "payload-size")):
        (tmp_path / "code").mkdir(exist_ok=True)
        if content is not None:
            (tmp_path / "code" / "code").write_bytes(content)
        with pytest.raises(ConfigErrors) as caught:
            read(file, POOLS)
        assert [p.rule for p in caught.value.problems if p.severity == ERROR] == [rule]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 seconds"), (1, "1 second"), (90, "90 seconds"), (3600, "1 hour"), (120, "2 minutes")]
)
def test_durations(seconds: int, text: str) -> None:
    assert duration_text(seconds) == text


def test_the_resolved_file_is_yaml_of_one_document() -> None:
    assert set(yaml.safe_load(resolved(read(EVERYTHING, POOLS)))) == {"version", "graphs"}
