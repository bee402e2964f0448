"""The pack, in an environment of its own, asked as the engine asks it: by its gRPC service."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]  # ships no types
import pytest
from google.protobuf import empty_pb2, struct_pb2  # type: ignore[import-untyped]  # ships no types
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from jobgraph.settings import SYSTEM_ROLES
from policies.rules import ADMINISTRATORS, RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PACK = ROOT / "policies" / "pack"
# `make policies` creates it
PYTHON = Path(os.environ.get("JOBGRAPH_POLICY_PYTHON") or ROOT / ".jobgraph" / "policies" / "bin" / "python")
POOL = {"name": "P", "autoSuspendSecs": 300, "autoResume": "true"}
SECONDS = 60.0


def test_the_rules_name_every_role_of_the_account_s_own() -> None:
    assert SYSTEM_ROLES - {"PUBLIC"} == ADMINISTRATORS


@contextmanager
def served() -> Iterator[Any]:
    """The pack's service, as long as the context stands."""
    with subprocess.Popen([PYTHON, "-u", PACK / "__main__.py"], stdout=subprocess.PIPE, cwd=PACK) as process:
        try:
            assert process.stdout is not None
            with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
                yield analyzer_pb2_grpc.AnalyzerStub(channel)
        finally:
            process.kill()


def request(kind: str, inputs: dict[str, Any], role: str = "JOBGRAPH_DEPLOYER") -> Any:
    properties, settings = struct_pb2.Struct(), struct_pb2.Struct()
    properties.update(inputs)
    settings.update({"role": role})
    token = f"snowflake:index/{kind[0].lower()}{kind[1:]}:{kind}"
    return analyzer_pb2.AnalyzeRequest(
        type=token,
        properties=properties,
        urn=f"urn:pulumi:prod::shop::{token}::R",
        name="R",
        options=analyzer_pb2.AnalyzerResourceOptions(),
        provider=analyzer_pb2.AnalyzerProviderResource(
            type="pulumi:providers:snowflake",
            properties=settings,
            urn="urn:pulumi:prod::shop::pulumi:providers:snowflake::default",
            name="default",
        ),
    )


@pytest.mark.skipif(not PYTHON.exists(), reason=f"pulumi-policy is not installed for {PYTHON}")
def test_the_pack_answers_the_engine() -> None:
    with served() as analyzer:
        information = analyzer.GetAnalyzerInfo(empty_pb2.Empty(), timeout=SECONDS)
        assert {policy.name for policy in information.policies} == RULES.keys()

        def broken(*arguments: Any) -> list[str]:
            answer = analyzer.Analyze(request(*arguments), timeout=SECONDS)
            assert all(d.enforcementLevel == analyzer_pb2.MANDATORY for d in answer.diagnostics)
            return [f"{d.policyName}: {d.message}" for d in answer.diagnostics]

        assert broken("ComputePool", POOL) == []
        (idle,) = broken("ComputePool", {**POOL, "autoSuspendSecs": 0})
        assert idle.startswith("pools-suspend: ")
        assert "auto_suspend_secs is never" in idle
        (owned,) = broken("ComputePool", POOL, "ACCOUNTADMIN")
        assert owned.startswith("no-administrator-owns: ")
        assert "would belong to ACCOUNTADMIN" in owned
