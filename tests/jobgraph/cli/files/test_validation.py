"""`validate` with its options: warnings, forms for tools, environments, the resolved file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jobgraph.config.reading import parse
from tests.jobgraph.cli.configuration import BAD, GOOD

if TYPE_CHECKING:
    from tests.jobgraph.cli.conftest import Invoke

MATRIX = GOOD.replace("load: {}", "load: {matrix: {region: [eu, us]}, args: ['${{ matrix.region }}']}")
ENVIRONMENTS = f"{GOOD}environments:\n  prod: {{graphs: {{nightly: {{schedule: 2 hours}}}}}}\n"


@pytest.mark.usefixtures("project")
def test_warnings_are_told_and_strictly_are_errors(invoke: Invoke) -> None:
    done = invoke("validate")
    assert done.exit_code == 0
    assert "jobconfig.yaml:2:19: warning: the tag `latest` moves" in done.stderr
    told = json.loads(invoke("validate", "--json").stdout)
    assert [(one["severity"], one["line"]) for one in told["problems"]] == [("warning", 2)]
    assert told["valid"]
    assert invoke("validate", "--strict").exit_code == 2


def test_problems_for_a_code_host(invoke: Invoke, project: Path) -> None:
    (project / "bad.yaml").write_text(BAD)
    done = invoke("validate", "bad.yaml", "--format", "sarif")
    assert done.exit_code == 2
    results = json.loads(done.stdout)["runs"][0]["results"]
    assert [(one["ruleId"], one["level"]) for one in results] == [
        ("image-tag", "warning"),
        ("predecessor-exists", "error"),
        ("unknown-key", "error"),
    ]
    assert json.loads(invoke("validate", "--format", "sarif").stdout)["runs"][0]["results"][0]["level"] == "warning"


def test_annotations_for_a_workflow(invoke: Invoke, project: Path) -> None:
    (project / "bad.yaml").write_text(BAD)
    done = invoke("validate", "bad.yaml", "--format", "github")
    assert done.exit_code == 2
    assert [line.partition(",")[0] for line in done.stdout.splitlines()] == [
        "::warning file=bad.yaml",
        "::error file=bad.yaml",
        "::error file=bad.yaml",
    ]


def test_the_resolved_file_says_the_same(invoke: Invoke, project: Path) -> None:
    (project / "jobconfig.yaml").write_text(MATRIX)
    done = invoke("validate", "--resolved")
    assert done.exit_code == 0, done.output
    assert "matrix" not in done.stdout
    assert "load_us:" in done.stdout
    assert parse(done.stdout.encode(), "x.yaml").graphs == parse(MATRIX.encode(), "x.yaml").graphs


def test_an_environment_of_the_file_and_of_an_overlay(invoke: Invoke, project: Path) -> None:
    (project / "jobconfig.yaml").write_text(ENVIRONMENTS)
    assert "schedule: 2 hours" in invoke("validate", "--resolved", "-e", "prod").stdout
    assert "schedule: 59 minutes" in invoke("validate", "--resolved").stdout
    (project / "jobconfig.prod.yaml").write_text("graphs: {nightly: {schedule: 3 hours}}\n")
    assert "schedule: 3 hours" in invoke("validate", "--resolved", "-e", "prod").stdout


def test_the_pools_of_the_stack_are_looked_up(invoke: Invoke, project: Path) -> None:
    (project / "Pulumi.prod.yaml").write_text("config: {jobgraph:settings: {pools: {POOLS: {}}}}\n")
    done = invoke("validate", "--environment", "prod")
    assert done.exit_code == 2
    assert "the stack has no compute pool `POOL`" in done.stderr
    assert "perhaps you meant POOLS" in done.stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("config: [", "cannot be read"),
        ("\x00", "cannot be read"),
        ("7", "a mapping below `config:`"),
        ("config: [1]", "a mapping below `config:`"),
        ("config: {jobgraph:settings: [1]}", "jobgraph:settings is [1], but a mapping is expected"),
        ("config: {jobgraph:settings: {pols: 1}}", "perhaps you meant pools"),
    ],
)
def test_a_stacks_file_that_is_wrong(invoke: Invoke, project: Path, content: str, told: str) -> None:
    (project / "Pulumi.prod.yaml").write_text(content)
    done = invoke("validate", "--environment", "prod")
    assert done.exit_code == 2
    assert "Pulumi.prod.yaml:" in done.stderr
    assert told in done.stderr


def test_placeholders_that_nobody_filled_in_are_named_with_their_lines(invoke: Invoke, project: Path) -> None:
    example = (Path(__file__).parents[4] / "Pulumi.account.yaml.example").read_text()
    (project / "Pulumi.prod.yaml").write_text(example)
    done = invoke("validate", "--environment", "prod")
    assert done.exit_code == 2
    for name in ("ORGANIZATION", "ACCOUNT", "DEPLOY_USER", "PERSON_WHO_RUNS_JOBS"):
        line = next(
            number
            for number, text in enumerate(example.splitlines(), 1)
            if f": <{name}>" in text or f"[<{name}>]" in text
        )
        assert f"Pulumi.prod.yaml:{line}:" in done.stderr
        assert f"<{name}> is a placeholder that nobody filled in" in done.stderr


def test_a_placeholder_of_other_programs_and_one_in_lower_case_are_none(invoke: Invoke, project: Path) -> None:
    (project / "Pulumi.prod.yaml").write_text(
        "config:\n  other:template: <NAME>\n  jobgraph:settings:\n    pools: {POOL: }\n    users: [x <y@z.com>]\n"
    )
    assert invoke("validate", "--environment", "prod").exit_code == 0


def test_an_environment_that_is_not_known(invoke: Invoke, project: Path) -> None:
    for stack in ("prod", "dev.eu"):
        (project / f"Pulumi.{stack}.yaml").write_text("config: {}\n")
    done = invoke("validate", "--environment", "prd")
    assert done.exit_code == 2
    assert "perhaps you meant prod" in done.stderr
    assert "neither Pulumi.prd.yaml, nor jobconfig.prd.yaml" in done.stderr
    assert f"stacks in {project}: dev.eu, prod" in done.stderr
    assert "'acme/jobs/prod'; perhaps you meant prod" in invoke("validate", "-e", "acme/jobs/prod").stderr


@pytest.fixture
def stacks(project: Path) -> Path:
    """A project with two stacks, of which dev deploys another file than the project's own."""
    (project / "Pulumi.yaml").write_text(
        "name: jobs\nruntime: python\nconfig: {jobs:file: {default: jobconfig.yaml}}\n"
    )
    (project / "Pulumi.dev.yaml").write_text("config: {jobs:file: conf/other.yaml, jobs:settings: {pools: {POOL: }}}\n")
    (project / "Pulumi.prod.yaml").write_text("config: {jobgraph:settings: {pools: {POOL: {}}}}\n")
    (project / "conf").mkdir()
    (project / "conf" / "other.yaml").write_text(GOOD.replace("59 minutes", "7 minutes"))
    return project


@pytest.mark.usefixtures("stacks")
def test_what_a_stack_deploys_is_what_is_checked(invoke: Invoke) -> None:
    assert "schedule: 7 minutes" in invoke("validate", "--resolved", "-e", "dev").stdout
    assert "schedule: 59 minutes" in invoke("validate", "--resolved", "-e", "prod").stdout
    assert "schedule: 59 minutes" in invoke("validate", "--resolved").stdout
    assert "every 7 minutes" in invoke("graph", "-e", "dev").stdout
    # a file that is named is read with the stack's settings, wherever it is
    done = invoke("validate", "conf/other.yaml", "-e", "prod")
    assert (done.exit_code, "7 minutes" in done.stdout) == (0, True)


def test_without_a_file_everything_that_a_stack_deploys_is_checked(invoke: Invoke, stacks: Path) -> None:
    done = invoke("validate")
    assert done.exit_code == 0, done.output
    assert "jobconfig.yaml is valid, in prod too" in done.stderr
    assert "conf/other.yaml is valid, in dev too" in done.stderr
    (stacks / "conf" / "other.yaml").write_text(BAD)
    done = invoke("validate")
    assert done.exit_code == 2
    assert "conf/other.yaml:8:31: `retrys` is not a key here" in done.stderr
    (stacks / "jobconfig.yaml").unlink()
    assert "jobconfig.yaml" not in invoke("validate").stderr


def test_stacks_may_have_a_folder_of_their_own(invoke: Invoke, stacks: Path) -> None:
    (stacks / "Pulumi.yaml").write_text("name: jobs\nruntime: python\nstackConfigDir: stacks\n")
    (stacks / "stacks").mkdir()
    (stacks / "Pulumi.dev.yaml").rename(stacks / "stacks" / "Pulumi.dev.yaml")
    assert "schedule: 7 minutes" in invoke("validate", "--resolved", "-e", "dev").stdout


SLIP = f"{GOOD}environments:\n  prod: {{graphs: {{nighly: {{schedule: 2 hours, jobs: {{load: }}}}}}}}\n"


def test_every_environment_is_checked_and_a_slip_in_a_graphs_name_is_told(invoke: Invoke, project: Path) -> None:
    (project / "jobconfig.yaml").write_text(SLIP)
    done = invoke("validate")
    assert done.exit_code == 2
    assert "jobconfig.yaml:10:19: the file has no graph `nighly` [only-here]" in done.stderr
    assert "in:     environment prod" in done.stderr
    assert "perhaps you meant nightly" in done.stderr
    problems = json.loads(invoke("validate", "--json").stdout)["problems"]
    assert [one["environments"] for one in problems if one["rule"] == "only-here"] == [["prod"]]
    assert "(environment prod). Perhaps" in invoke("validate", "--format", "github").stdout
    assert invoke("validate", "-e", "prod").exit_code == 2
    own = SLIP.replace("schedule: 2 hours, jobs: {load: }", "only_here: true, jobs: {x: }")
    (project / "jobconfig.yaml").write_text(own)
    assert invoke("validate").exit_code == 0
    assert "NIGHLY_ROOT" in invoke("validate", "-e", "prod", "--resolved").stdout


def test_an_environment_has_its_own_pools_and_what_the_file_has_wrong_is_told_once(
    invoke: Invoke, project: Path
) -> None:
    (project / "jobconfig.yaml").write_text(BAD)
    for stack, pool in (("dev", "POOL"), ("test", "OTHER"), ("prod", "OTHER")):
        (project / f"Pulumi.{stack}.yaml").write_text(f"config: {{jobgraph:settings: {{pools: {{{pool}: {{}}}}}}}}\n")
    problems = json.loads(invoke("validate", "--json").stdout)["problems"]
    assert [(one["rule"], one["environments"]) for one in problems] == [
        ("image-tag", []),
        ("pool-exists", ["prod", "test"]),
        ("predecessor-exists", []),
        ("unknown-key", []),
    ]


def test_a_file_whose_name_has_no_ending(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "jobconfig").write_text("version: 1\ngraphs: 5\n")
    done = invoke("validate", str(tmp_path / "jobconfig"))
    assert done.exit_code == 2
    assert "jobconfig:2:9: expected a mapping of graphs by name" in done.stderr


def test_an_overlay_alone_is_told_for_what_it_is(invoke: Invoke, tmp_path: Path) -> None:
    base, overlay = tmp_path / "jobconfig.yaml", tmp_path / "jobconfig.st.yaml"
    base.write_text("version: 1\ngraphs: {g: {jobs: {a: {image: 'x:1.0', compute_pool: P}}}}\n")
    overlay.write_text("graphs: {g: {jobs: {a: {retries: 1}}}}\n")
    done = invoke("validate", str(overlay))
    assert done.exit_code == 2
    assert "the overlay of jobconfig.yaml for 'st'" in done.stderr
    assert f"jobgraph validate {base} --environment st" in done.stderr
    assert invoke("validate", str(base), "--environment", "st").exit_code == 0
    base.unlink()
    assert "missing" in invoke("validate", str(overlay)).stderr


SEVERAL = {
    "jobconfig.yaml": """\
version: 1
graphs:
  g:
    jobs:
      a: {image: "i:1", compute_pool: PR_STD_POOL_XS, retrys: 2}
      a: {image: "i:1", compute_pool: PR_STD_POOL_XS}
environments:
  dev: {graphs: {g: {jobs: {a: {retries: 97}, a: {retries: 96}}}}}
""",
    "jobconfig.prod.yaml": "graphs:\n  g:\n    jobs:\n      a: {retries: 99}\n      a: {retries: 98}\n",
    "jobconfig.test.yaml": "graphs: [\n",
    "Pulumi.dev.yaml": "config:\n  jobgraph:settings:\n    databse: X\n    warehouse: 7 x\n",
    "Pulumi.prod.yaml": "config:\n  a:b: 1\n  a:b: 2\n  a:c: 1\n  a:c: 2\n",
    "Pulumi.other.yaml": "config:\n  jobgraph:file: other.yaml\n",
    "other.yaml": 'version: 1\ngraphs: {g: {jobs: {b: {image: "i:1", compute_pool: P, after: [c]}}}}\n',
}
PLACES = {
    *(
        "jobconfig.yaml:5:55: `retrys` is not a key",
        "jobconfig.yaml:6:7: `a` is repeated here; it first appears on line 5",
    ),
    *("jobconfig.yaml:8:47: `a` is repeated here; it first appears on line 8", "jobconfig.yaml:8:60: expected a whole"),
    *(
        "jobconfig.prod.yaml:5:7: `a` is repeated here; it first appears on line 4",
        "jobconfig.prod.yaml:5:20: expected",
    ),
    "jobconfig.test.yaml:2:1: this is not YAML",
    *("Pulumi.dev.yaml:3:5: `databse` is not a setting", "Pulumi.dev.yaml:4:5: warehouse: expected a plain"),
    *("Pulumi.prod.yaml:3:3: `a:b` is repeated here", "Pulumi.prod.yaml:5:3: `a:c` is repeated here"),
    "other.yaml:2:64: job `b` follows `c`, which is not a job",
}


def test_the_mistakes_of_all_files_are_told_at_once_with_their_lines(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: jobgraph\nruntime: python\n")
    for name, text in SEVERAL.items():
        (tmp_path / name).write_text(text)
    done = invoke("validate")
    assert done.exit_code == 2
    missing = [place for place in PLACES if place not in done.stderr]
    assert not missing, done.stderr
    problems = json.loads(invoke("validate", "--json").stdout)["problems"]
    assert {problem["rule"] for problem in problems} >= {"stack-settings", "duplicate-key", "value-range", "yaml"}


def test_names_are_spelled_as_in_the_file(invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "jobs.yaml"
    job = '{image: "i:1", compute_pool: my_pool'
    when = "after: [load], when: {job: lod, output: n, above: 0}"
    jobs = f"      Load: {job}}}\n      report: {job}, {when}}}\n"
    file.write_text(f"version: 1\ngraphs:\n  g:\n    jobs:\n{jobs}")
    text = invoke("validate", str(file)).stderr
    assert "`lod` is not a job of this graph" in text
    assert "when.job = lod\n" in text
    assert "LOD" not in text
    file.write_text(file.read_text().replace("lod", "load"))
    assert "after: [Load]" in invoke("validate", str(file), "--resolved").stdout
    assert "when: {job: Load," in invoke("validate", str(file), "--resolved").stdout
