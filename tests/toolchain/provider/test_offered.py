"""What a program may set with the stand-in is what this project's components set, and the rest is refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import struct_pb2  # type: ignore[import-untyped]  # ships no types
from pulumi.runtime.proto import provider_pb2

from jobgraph.toolchain.standins.provider.offered import OFFERED
from jobgraph.toolchain.standins.provider.resources import BY_TOKEN
from jobgraph.toolchain.standins.provider.server import EngineLog, Provider
from tests.components.recorded import ROOT, record

if TYPE_CHECKING:
    from collections.abc import Iterator

POOLS = {"PR_STD_POOL_XS": {}, "PR_STD_POOL_S": {}, "GPU_POOL": {"instance_family": "GPU_NV_S"}}
EVERYTHING = str(ROOT / "tests" / "jobgraph" / "golden" / "everything.yaml")


def declared() -> Iterator[tuple[str, str]]:
    """Kind and name of each property that a program of ours sets."""
    chosen: dict[str, Any] = {"pools": POOLS, "page": True, "warehouse_max_clusters": 2, "warehouse_max_concurrency": 4}
    chosen["users"] = ["ANNA"]
    chosen["budget"] = {"credits_per_month": 9, "suspend": True}
    for recorder in (record(chosen, EVERYTHING), record()):
        for resource in recorder.recorded:
            package, _, kind = resource["type"].rpartition(":")
            if package.startswith("snowflake:"):
                yield from ((kind, name) for name, value in resource["inputs"].items() if value is not None)


def checked(kind: str, news: dict[str, Any], olds: dict[str, Any]) -> dict[str, str]:
    """What Check refuses, by property."""
    messages = [struct_pb2.Struct(), struct_pb2.Struct()]
    for message, values in zip(messages, (news, olds), strict=True):
        message.update(values)
    urn = f"urn:pulumi:dev::p::snowflake:index/{kind[0].lower()}{kind[1:]}:{kind}::thing"
    request = provider_pb2.CheckRequest(urn=urn, news=messages[0], olds=messages[1])
    answer = Provider(EngineLog(""), {}).Check(request, None)
    return {failure.property: failure.reason for failure in answer.failures}


def test_what_is_offered_is_what_the_components_set() -> None:
    assert set(declared()) == {(kind, name) for kind, names in OFFERED.items() for name in names}


def test_all_that_is_offered_are_properties_of_their_types() -> None:
    for resource in BY_TOKEN.values():
        assert OFFERED[resource.kind] <= {prop.name for prop in resource.properties}


@pytest.mark.parametrize(("kind", "name", "value"), [("Task", "queryTag", "x"), ("Warehouse", "scalingPolicy", "x")])
def test_any_other_property_is_refused_by_name_unless_the_state_has_it(kind: str, name: str, value: str) -> None:
    reason = checked(kind, {name: value}, {})[name]
    assert f"`{name}` can be read" in reason
    assert "pulumi plugin install resource snowflake" in reason
    assert "can be read" not in checked(kind, {name: value}, {name: value}).get(name, "")


@pytest.mark.parametrize(
    "news", [{"isTransient": "default"}, {"isTransient": "default", "__defaults": ["isTransient"]}]
)
def test_the_providers_own_word_is_refused_as_a_value_as_by_the_official_plugin(news: dict[str, Any]) -> None:
    told = checked("Schema", {"database": "D", "name": "S", **news}, {})
    assert ("got default" in told.get("isTransient", "")) == ("__defaults" not in news)
