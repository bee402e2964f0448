"""A service specification: reading and checking the YAML text, and filling in a template.

Pure. Knows the specification reference (developer-guide/snowpark-container-services/specification-reference); must not
know images' contents, pools or processes. All problems of a specification are reported at once.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from snowflake_sandbox import errors
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.services import events, volumes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from snowflake_sandbox.services.volumes import Mount, Secret, Volume

_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)(Mi|M|Gi|G)")
_MEMORY_UNITS = {"M": 10**6, "Mi": 2**20, "G": 10**9, "Gi": 2**30}
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*(?:\|\s*default\(\s*(?:'([^']*)'|\"([^\"]*)\"|([^)'\"{]+))\s*\)\s*)?\}\}")
_MOST_CONTAINERS = 20
_PORT_RANGE = re.compile(r"(\d+)-(\d+)")
_PORTS = range(1, 65536)
_PROTOCOLS = ("TCP", "HTTP", "HTTPS")
# Documented defaults of a container's requests; a higher limit is the request.
_DEFAULT_CPU, _DEFAULT_MEMORY = 0.5, 2**29
_DEFAULTS = {"cpu": _DEFAULT_CPU, "memory": _DEFAULT_MEMORY}
# In the reference, but without meaning for jobs as child processes: refused by name (docs/deviations.md).
_NOT_SUPPORTED = {"capabilities", "serviceRoles", "resourceManagement", "mountSessionToken", "sessionTokenConfig"}
_TOP_KEYS = {"spec", "capabilities", "serviceRoles"}
_SPEC_KEYS = {
    "containers",
    "container",
    "endpoints",
    "volumes",
    "logExporters",
    "platformMonitor",
    "resourceManagement",
}
_CONTAINER_KEYS = {
    "name",
    "image",
    "command",
    "args",
    "env",
    "readinessProbe",
    "livenessProbe",
    "volumeMounts",
    "resources",
    "secrets",
    "mountSessionToken",
    "sessionTokenConfig",
}
_PROBE_KEYS = {"port", "path", "periodSeconds", "failureThreshold"}
_RESOURCES = {"cpu", "memory", "nvidia.com/gpu"}


@dataclass(frozen=True)
class Container:
    """One container of a specification.

    Attributes:
        image: the reference as written, e.g. "/db/schema/repository/name:tag".
        command: replaces the image's entrypoint; () if not given.
        args: replaces the image's arguments; None if not given.
        cpu: requested CPUs; memory: requested bytes; memory_limit: bytes, None without a limit; gpu: requested GPUs.
    """

    name: str
    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    cpu: float = _DEFAULT_CPU
    memory: int = _DEFAULT_MEMORY
    memory_limit: int | None = None
    gpu: int = 0
    secrets: tuple[Secret, ...] = ()
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True)
class Specification:
    """What a service runs.

    Attributes:
        log_level: which lines go to the event table: INFO (all), ERROR (standard error), NONE.
    """

    containers: tuple[Container, ...]
    log_level: str = "INFO"
    volumes: tuple[Volume, ...] = ()

    @property
    def cpu(self) -> float:
        """The CPUs that one instance requests."""
        return sum(container.cpu for container in self.containers)

    @property
    def memory(self) -> int:
        """The bytes of memory that one instance requests."""
        return sum(container.memory for container in self.containers)

    @property
    def gpu(self) -> int:
        """The GPUs that one instance requests."""
        return sum(container.gpu for container in self.containers)


def invalid(problems: list[str]) -> SnowflakeError:
    """Return error 395018 (guess) for an invalid specification, with each problem on a separate line."""
    return SnowflakeError(395018, "22023", "SQL compilation error:\nInvalid spec: " + "\n".join(problems))


def parse(text: str) -> Specification:
    """Read and check a specification.

    Args:
        text: YAML (JSON is YAML).

    Raises:
        SnowflakeError: 395018 with all problems, or 000002 for a feature that the sandbox does not support.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise invalid([f"not valid YAML: {' '.join(str(error).split())}"]) from error
    problems = _Problems()
    spec = problems.mapping(document, "the specification", _TOP_KEYS).get("spec")
    body = problems.mapping(spec, "spec", _SPEC_KEYS)
    listed = body.get("containers", body.get("container"))
    if not isinstance(listed, list) or not listed:
        problems.add("spec.containers must be a list with at least one container.")
        listed = []
    containers = tuple(_container(item, f"spec.containers[{index}]", problems) for index, item in enumerate(listed))
    _check_names(containers, problems)
    volumes_read = volumes.read_volumes(body.get("volumes"), problems.add)
    for index, container in enumerate(containers):
        volumes.check_mounts(volumes_read, f"spec.containers[{index}]", container.mounts, problems.add)
    _check_endpoints(body.get("endpoints"), problems.add)
    log_level = events.level(body)
    if log_level is None:
        problems.add("spec.logExporters.eventTableConfig.logLevel must be INFO, ERROR or NONE.")
    if problems.found:
        raise invalid(problems.found)
    if problems.unsupported:
        raise errors.not_supported(f"{', '.join(sorted(problems.unsupported))} in a service specification")
    return Specification(containers, log_level or "INFO", volumes_read)


def endpoints(text: str) -> list[dict[str, Any]]:
    """Return the endpoints of a specification that was already accepted."""
    listed = (yaml.safe_load(text) or {}).get("spec", {}).get("endpoints") or []
    return [item for item in listed if isinstance(item, dict)]


def fill_template(text: str, values: Mapping[str, Any]) -> str:
    """Return a specification template with `{{ name }}` and `{{ name | default('x') }}` replaced by values.

    Raises:
        SnowflakeError: 395018, naming every variable that has neither a value nor a default.
    """
    missing = sorted(
        {
            match[1]
            for match in _VARIABLE.finditer(text)
            if match[1] not in values and match[2] is None and match[3] is None and match[4] is None
        }
    )
    if missing:
        raise invalid([f"no value for template variable '{name}' in USING." for name in missing])

    def value(match: re.Match[str]) -> str:
        if match[1] in values:
            replacement = values[match[1]]
            return replacement if isinstance(replacement, str) else json.dumps(replacement)
        return next(default for default in match.group(2, 3, 4) if default is not None).strip()

    return _VARIABLE.sub(value, text)


_REMEDIES = {"memory": " It needs a unit: M, Mi, G or Gi."}


class _Problems:
    """Collects problems, so that all of them are reported at once."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.unsupported: set[str] = set()

    def add(self, text: str) -> None:
        self.found.append(text)

    def mapping(self, value: Any, where: str, allowed: set[str] | None) -> dict[str, Any]:
        """Return the value if it is a mapping with only allowed keys (any keys if `allowed` is None)."""
        if not isinstance(value, dict):
            self.add(f"{where} must be a mapping.")
            return {}
        if allowed is None:
            return value
        for key in value:
            if key not in allowed:
                self.add(f"unknown option '{key}' for '{where}'. Known: {', '.join(sorted(allowed))}.")
            elif key in _NOT_SUPPORTED:
                self.unsupported.add(str(key))
        return value

    def texts(self, value: Any, where: str) -> tuple[str, ...]:
        if not isinstance(value, list) or any(isinstance(item, dict | list) or item is None for item in value):
            self.add(f"{where} must be a list of strings.")
            return ()
        return tuple(_text(item) for item in value)

    def quantity(self, value: Any, where: str, read: Callable[[str], float | None]) -> float | None:
        amount = None if value is None else read(str(value))
        if value is not None and amount is None:
            self.add(f"{where}: '{value}' is not a quantity.{_REMEDIES.get(where.rpartition('.')[2], '')}")
        return amount


def _text(value: Any) -> str:
    # YAML reads an unquoted `true` as a boolean; the container gets the original word.
    return str(value).lower() if isinstance(value, bool) else str(value)


def _container(item: Any, where: str, problems: _Problems) -> Container:
    values = problems.mapping(item, where, _CONTAINER_KEYS)
    for key in ("name", "image"):
        if not isinstance(values.get(key), str) or not values[key]:
            problems.add(f"{where}.{key} is missing.")
    name = str(values.get("name", ""))
    if name and not _NAME.fullmatch(name):
        problems.add(f"{where}.name: '{name}' must be lower-case letters, digits and hyphens, at most 63 characters.")
    env = problems.mapping(values.get("env", {}), f"{where}.env", None)
    for key in ("readinessProbe", "livenessProbe"):
        if key in values:
            _check_probe(values[key], f"{where}.{key}", problems)
    resources = problems.mapping(values.get("resources", {}), f"{where}.resources", {"requests", "limits"})
    cpu, _ = _request(resources, "cpu", _cpu, where, problems)
    memory, limit = _request(resources, "memory", _memory, where, problems)
    gpu, gpu_limit = _request(resources, "nvidia.com/gpu", _whole, where, problems)
    if gpu != gpu_limit:
        problems.add(f"{where}.resources: nvidia.com/gpu needs the same quantity in requests and limits.")
    return Container(
        name=name,
        image=str(values.get("image", "")),
        command=problems.texts(values.get("command", []), f"{where}.command"),
        args=problems.texts(values["args"], f"{where}.args") if "args" in values else None,
        env={str(key): _text(value) for key, value in env.items()},
        cpu=_DEFAULT_CPU if cpu is None else cpu,
        memory=int(_DEFAULT_MEMORY if memory is None else memory),
        memory_limit=None if limit is None else int(limit),
        gpu=int(gpu or 0),
        secrets=volumes.read_secrets(values.get("secrets"), where, problems.add),
        mounts=volumes.read_mounts(values.get("volumeMounts"), where, problems.add),
    )


def _request(
    resources: Mapping[str, Any], kind: str, read: Callable[[str], float | None], where: str, problems: _Problems
) -> tuple[float | None, float | None]:
    """Return the request and the limit of a resource; a limit above the default is also the request."""
    quantities = []
    for part in ("requests", "limits"):
        place = f"{where}.resources.{part}"
        values = problems.mapping(resources.get(part, {}), place, _RESOURCES)
        quantities.append(problems.quantity(values.get(kind), f"{place}.{kind}", read))
    request, limit = quantities
    if request is not None and limit is not None and request > limit:
        problems.add(f"{where}.resources: the requested {kind} is more than its limit.")
    if request is None and limit is not None and kind in _DEFAULTS:
        request = max(limit, _DEFAULTS[kind])
    return request, limit


def _check_probe(value: Any, where: str, problems: _Problems) -> None:
    probe = problems.mapping(value, where, _PROBE_KEYS)
    if not isinstance(probe.get("port"), int) or probe["port"] not in _PORTS:
        problems.add(f"{where}.port must be a port from 1 to 65535.")
    if not isinstance(probe.get("path"), str):
        problems.add(f"{where}.path is missing.")
    for key in ("periodSeconds", "failureThreshold"):
        if key in probe and (not isinstance(probe[key], int) or probe[key] < 1):
            problems.add(f"{where}.{key} must be a whole number above 0.")


def _check_names(containers: tuple[Container, ...], problems: _Problems) -> None:
    if len(containers) > _MOST_CONTAINERS:
        problems.add(f"at most {_MOST_CONTAINERS} containers are allowed, {len(containers)} given.")
    names = [container.name for container in containers]
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        problems.add(f"container name '{name}' is used more than once.")


def _check_endpoints(listed: Any, tell: Callable[[str], None]) -> None:
    """Callable[[str], None] every problem of the endpoints."""
    if listed is None:
        return
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        tell("spec.endpoints must be a list of mappings.")
        return
    for index, item in enumerate(listed):
        _check_endpoint(item, f"spec.endpoints[{index}]", tell)
    names = [item.get("name") for item in listed]
    for name in sorted({str(name) for name in names if name and names.count(name) > 1}):
        tell(f"endpoint name '{name}' is used more than once.")


def _check_endpoint(item: dict[str, Any], where: str, tell: Callable[[str], None]) -> None:
    if not _NAME.fullmatch(str(item.get("name") or "")):
        tell(f"{where}.name must be lower-case letters, digits and hyphens, at most 63 characters.")
    protocol = str(item.get("protocol", "HTTP")).upper()
    if protocol not in _PROTOCOLS:
        tell(f"{where}.protocol must be TCP or HTTP.")
    if item.get("public") is True and protocol == "TCP":
        tell(f"{where}: a public endpoint must have the protocol HTTP.")
    if ("port" in item) == ("portRange" in item):
        tell(f"{where} must have either port or portRange.")
    elif "port" in item:
        if not isinstance(item["port"], int) or item["port"] not in _PORTS:
            tell(f"{where}.port: '{item['port']}' is not a port from 1 to 65535.")
    else:
        _check_range(item, where, protocol, tell)


def _check_range(item: dict[str, Any], where: str, protocol: str, tell: Callable[[str], None]) -> None:
    match = _PORT_RANGE.fullmatch(str(item["portRange"]))
    if match is None or not int(match[1]) <= int(match[2]) or not {int(match[1]), int(match[2])} <= set(_PORTS):
        tell(f"{where}.portRange: '{item['portRange']}' is not a range of ports from 1 to 65535.")
    if protocol != "TCP" or item.get("public") is True:
        tell(f"{where}.portRange is only for endpoints with the protocol TCP that are not public.")


def _cpu(text: str) -> float | None:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(m?)", text)
    return float(match[1]) / (1000 if match[2] else 1) if match else None


def _whole(text: str) -> float | None:
    return float(text) if text.isdecimal() else None


def _memory(text: str) -> float | None:
    match = _MEMORY.fullmatch(text)
    return float(match[1]) * _MEMORY_UNITS[match[2]] if match else None
