"""The procedures under recording mocks: what a deploy does with those of its own text that are there already."""

from __future__ import annotations

from tests.components.recorded import Recorder, record


def names(recorder: Recorder) -> dict[str, str]:
    """Names without hash -> names."""
    return {name.rpartition("_")[0]: name for name in recorder.of("ProcedurePython")}


def test_runner_and_finalizer_go_with_their_steps_and_never_by_themselves(quickstart: Recorder) -> None:
    made = names(quickstart)
    for base in ("RUN_JOB", "FINALIZE_GRAPH"):
        procedure = quickstart.of("ProcedurePython")[made[base]]
        grant = quickstart.of("GrantPrivilegesToAccountRole")[f"SPCS_DEMO_ROLE-{made[base]}"]
        assert procedure["deletedWith"] == grant["deletedWith"] == f"Execute {made[base]}-in-use"
        assert procedure["deletedWith"] in procedure["dependencies"]
        assert "importId" not in procedure
        assert procedure["ignoreChanges"] == []
        assert procedure["inputs"]["executeAs"] == "CALLER"


def test_what_a_deploy_supersedes_is_handed_to_the_procedure_that_drops(quickstart: Recorder) -> None:
    made = names(quickstart)
    step = quickstart.of("Execute")[f"{made['RUN_JOB']}-in-use"]
    dropping = quickstart.of("ProcedurePython")[made["DROP_SUPERSEDED"]]
    assert made["DROP_SUPERSEDED"] in step["inputs"]["revert"]
    assert f'"superseded": "{made["RUN_JOB"]}"' in step["inputs"]["revert"]
    assert f"ProcedurePython {made['DROP_SUPERSEDED']}" in step["dependencies"]
    assert dropping["inputs"]["executeAs"] == "OWNER"
    assert "deletedWith" not in dropping
    # the warehouse that runs the drop outlives the step
    assert "Warehouse SMALL_WAREHOUSE" in step["dependencies"]


def test_a_procedure_that_was_superseded_is_taken_back_as_it_is(quickstart: Recorder) -> None:
    run_job = names(quickstart)["RUN_JOB"]
    comments = {run_job: "jobgraph: runs one job of a graph [superseded]", "RUN_JOB_00000000": "x [superseded]"}
    recorder = record(procedures=comments)
    procedure = recorder.of("ProcedurePython")[run_job]
    types = ", ".join("VARCHAR" for _ in procedure["inputs"]["arguments"])
    assert procedure["importId"] == f'"PR_CONTAINER_ORCHESTRATION"."PUBLIC"."{run_job}"({types})'
    assert procedure["ignoreChanges"] == ["comment"]
    step = recorder.of("Execute")[f"{run_job}-in-use"]
    assert step["inputs"]["execute"].startswith(f"ALTER PROCEDURE IF EXISTS {procedure['importId']} SET COMMENT = ")
    assert "superseded" not in step["inputs"]["execute"]
    assert "RUN_JOB_00000000" not in recorder.of("ProcedurePython")


def test_a_procedure_that_is_in_use_is_not_imported_anew(quickstart: Recorder) -> None:
    run_job = names(quickstart)["RUN_JOB"]
    recorder = record(procedures={run_job: "jobgraph: runs one job of a graph"})
    assert "importId" not in recorder.of("ProcedurePython")[run_job]


def test_what_runs_need_is_not_taken_away_before_the_runs_were_asked_for(quickstart: Recorder) -> None:
    step = quickstart.of("Execute")["compute pool PR_STD_POOL_S-needed"]
    assert "ComputePool PR_STD_POOL_S" in step["dependencies"]
    assert '"takes": "compute pool PR_STD_POOL_S"' in step["inputs"]["revert"]
    forced = record({"force_destroy": True}).of("Execute")["compute pool PR_STD_POOL_S-needed"]
    assert forced["inputs"]["revert"].startswith("SELECT ")


def test_a_change_of_payloads_replaces_the_step_that_removes_their_files(quickstart: Recorder) -> None:
    step = quickstart.of("Execute")["payloads-needed"]
    assert step["replaceOnChanges"] == ["revert"]
    assert '"stage": "JOBS"' in step["inputs"]["revert"]
