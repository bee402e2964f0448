"""Service specifications: what is read, what is refused, and templates."""

from __future__ import annotations

import json

import pytest
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.services import node_sizes
from snowflake_sandbox.services.spec import Container, Specification, fill_template, parse

from jobgraph.instance_families import FAMILIES

WHOLE = """
spec:
  containers:
  - name: main
    image: /db/public/images/my_job_image:latest
    command: [python3, main.py]
    args: ["--query=select 1", 5, true]
    env: {A: 1, B: yes, C: text}
    resources:
      requests: {cpu: 500m, memory: 1Gi}
      limits: {cpu: 1, memory: 2Gi}
  logExporters: {eventTableConfig: {logLevel: INFO}}
"""


def test_a_whole_specification() -> None:
    assert parse(WHOLE) == Specification(
        (
            Container(
                "main",
                "/db/public/images/my_job_image:latest",
                ("python3", "main.py"),
                ("--query=select 1", "5", "true"),
                {"A": "1", "B": "true", "C": "text"},
                0.5,
                2**30,
                2**31,
            ),
        )
    )


def test_json_is_taken_and_requests_have_defaults() -> None:
    found = parse(json.dumps({"spec": {"container": [{"name": "main", "image": "x"}]}}))
    assert found == Specification((Container("main", "x", (), None, {}, 0.5, 2**29, None),))
    assert (found.cpu, found.memory) == (0.5, 2**29)


@pytest.mark.parametrize(
    ("limits", "cpu", "memory"),
    [
        ("{memory: 100Mi}", 0.5, 2**29),
        ("{memory: 2Gi}", 0.5, 2**31),
        ("{cpu: 2}", 2, 2**29),
        ("{cpu: 100m}", 0.5, 2**29),
    ],
)
def test_a_request_that_is_not_written_is_the_greater_of_default_and_limit(
    limits: str, cpu: float, memory: int
) -> None:
    container = parse(f"spec: {{containers: [{{name: a, image: x, resources: {{limits: {limits}}}}}]}}").containers[0]
    assert (container.cpu, container.memory) == (cpu, memory)


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        ("resources: {requests: {memory: 1073741824}}", r"memory: '1073741824' is not a quantity\. It needs a unit: M"),
        ("resources: {limits: {memory: 512k}}", "'512k' is not a quantity"),
        ("resources: {requests: {nvidia.com/gpu: 1}}", "needs the same quantity in requests and limits"),
        ("resources: {requests: {nvidia.com/gpu: 1}, limits: {nvidia.com/gpu: 2}}", "needs the same quantity"),
        ("resources: {requests: {nvidia.com/gpu: some}}", "'some' is not a quantity"),
        ("readinessProbe: {path: /}", r"readinessProbe\.port must be a port"),
        ("livenessProbe: {port: 80}", r"livenessProbe\.path is missing"),
        ("livenessProbe: {port: 80, path: /, periodSeconds: 0}", r"periodSeconds must be a whole number above 0"),
        ("name: 1a", "'1a' must be lower-case letters"),
    ],
)
def test_a_container_that_accounts_refuse(part: str, problem: str) -> None:
    name = "" if part.startswith("name") else "name: a, "
    with pytest.raises(SnowflakeError, match=problem):
        parse(f"spec: {{containers: [{{{name}image: x, {part}}}]}}")


@pytest.mark.parametrize(
    ("volume", "problem"),
    [
        ("{source: block, size: 5}", "must be a whole number with the unit Gi"),
        ("{source: block, size: 5G}", "must be a whole number with the unit Gi"),
        ("{source: block, size: 1.5Gi}", "must be a whole number with the unit Gi"),
        ("{source: memory, size: lots}", "'lots' is not a quantity"),
        ("{source: memory}", "size is missing"),
    ],
)
def test_a_size_of_a_volume_that_accounts_refuse(volume: str, problem: str) -> None:
    with pytest.raises(SnowflakeError, match=problem):
        parse(f"spec: {{containers: [{{name: a, image: x}}], volumes: [{{name: v, {volume[1:]}]}}")


def test_probes_and_sizes_as_in_the_reference() -> None:
    text = """
spec:
  containers:
  - {name: a, image: x, readinessProbe: {port: 8080, path: /ready}, livenessProbe: {port: 80, path: /}}
  volumes:
  - {name: m, source: memory, size: 2G}
  - {name: b, source: block, size: 5Gi}
"""
    assert [volume.name for volume in parse(text).volumes] == ["m", "b"]


def test_all_problems_are_reported_at_once() -> None:
    text = """
spec:
  containers:
  - {name: Main, image: x, colour: red, env: 7}
  - {name: a, resources: {requests: {memory: lots}}}
  - {name: a, image: x, args: {}, resources: {requests: {memory: 2Gi}, limits: {memory: 1Gi}}}
  volume: []
"""
    with pytest.raises(SnowflakeError) as error:
        parse(text)
    message = error.value.message
    for expected in (
        "Invalid spec",
        "unknown option 'colour' for 'spec.containers[0]'",
        "'Main' must be lower-case",
        "spec.containers[1].image is missing",
        "'lots' is not a quantity",
        "spec.containers[2].args must be a list",
        "more than its limit",
        "container name 'a' is used more than once",
        "spec.containers[0].env must be a mapping",
        "unknown option 'volume' for 'spec'",
    ):
        assert expected in message


@pytest.mark.parametrize(
    ("endpoint", "problem"),
    [
        ("{name: e, port: 70000}", "'70000' is not a port"),
        ("{name: e, port: 0}", "'0' is not a port"),
        ("{name: e}", "either port or portRange"),
        ("{name: e, port: 1, portRange: 1-2}", "either port or portRange"),
        ("{name: e, portRange: 5-1, protocol: TCP}", "'5-1' is not a range of ports"),
        ("{name: e, portRange: 1-65536, protocol: TCP}", "'1-65536' is not a range of ports"),
        ("{name: e, portRange: 1-5}", "only for endpoints with the protocol TCP"),
        ("{name: e, port: 1, public: true, protocol: TCP}", "must have the protocol HTTP"),
        ("{name: e, port: 1, protocol: FTP}", "protocol must be TCP or HTTP"),
        ("{name: 1e, port: 1}", "name must be lower-case letters"),
        ("{name: e, port: 1}, {name: e, port: 2}", "endpoint name 'e' is used more than once"),
        ("7", "must be a list of mappings"),
    ],
)
def test_an_endpoint_that_accounts_refuse(endpoint: str, problem: str) -> None:
    with pytest.raises(SnowflakeError, match=problem):
        parse(f"spec: {{containers: [{{name: a, image: x}}], endpoints: [{endpoint}]}}")


def test_endpoints_of_a_port_and_of_a_range() -> None:
    text = "[{name: e, port: 65535, public: true}, {name: f, portRange: 8000-8010, protocol: TCP}]"
    assert parse(f"spec: {{containers: [{{name: a, image: x}}], endpoints: {text}}}").containers[0].name == "a"


def test_more_cpu_than_its_limit() -> None:
    with pytest.raises(SnowflakeError, match="the requested cpu is more than its limit"):
        parse("spec: {containers: [{name: a, image: x, resources: {requests: {cpu: 2}, limits: {cpu: 500m}}}]}")


@pytest.mark.parametrize("text", ["", "spec: [", "just text", "spec: {}", "spec: {containers: []}"])
def test_no_specification_at_all(text: str) -> None:
    with pytest.raises(SnowflakeError, match="Invalid spec"):
        parse(text)


def test_what_the_sandbox_cannot_give_is_refused_by_name() -> None:
    refused = "capabilities, mountSessionToken, resourceManagement, serviceRoles, sessionTokenConfig"
    with pytest.raises(SnowflakeError, match=f"'{refused} in a service specification'"):
        parse(
            "{spec: {containers: [{name: a, image: x, sessionTokenConfig: {}, mountSessionToken: false}],"
            " resourceManagement: {}}, capabilities: {}, serviceRoles: []}"
        )


def test_too_many_containers() -> None:
    listed = [{"name": f"c{number}", "image": "x"} for number in range(21)]
    with pytest.raises(SnowflakeError, match="at most 20 containers"):
        parse(json.dumps({"spec": {"containers": listed}}))


def test_a_template_is_filled() -> None:
    text = "a: {{ x }}, b: {{y|default('z')}}, c: {{ n | default(3) }}, d: {{ l }}"
    assert fill_template(text, {"x": "one", "l": [1, 2]}) == "a: one, b: z, c: 3, d: [1, 2]"


def test_every_missing_template_variable_is_named() -> None:
    with pytest.raises(SnowflakeError, match=r"'a' in USING\.\nno value for template variable 'b'"):
        fill_template("{{ b }} {{ a }} {{ c | default('') }}", {})


def test_nodes_are_as_large_as_those_that_a_deploy_is_checked_against() -> None:
    sizes = {family: node_sizes.node_of(family) for family in FAMILIES}
    assert {family: (node.cpu, node.memory / 2**30, node.gpu) for family, node in sizes.items()} == {
        family: (node.cpu, node.memory, node.gpu) for family, node in FAMILIES.items()
    }
