"""Volumes and secrets of a specification: reading and checking them.

Pure. Knows the specification reference (spec.volumes, containers[].volumeMounts, containers[].secrets); must not know
stages, secrets or files (mounts.py provides them to a container).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Report = Callable[[str], None]

# The name of a volume is also the name of its folder.
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
# Memory in any of the documented units, or in bytes; blocks only in Gi.
_SIZE, _BLOCK_SIZE = re.compile(r"\d+(\.\d+)?(k|Ki|M|Mi|G|Gi)?"), re.compile(r"\d+Gi")
_SOURCES = ("local", "memory", "block", "stage")
_SIZED = ("memory", "block")
_KEYS = ("username", "password", "secret_string", "access_token")
# Documented limits of one service.
_MOST_VOLUMES, _MOST_SECRETS, _MOST_BLOCKS, _MOST_STAGES = 20, 50, 3, 8


@dataclass(frozen=True)
class Volume:
    """One volume: local, memory, block, or a stage with its reference (`@db.schema.stage/path`).

    `old_form`: the stage is named as the volume's source (Stage Mount V1).
    """

    name: str
    source: str
    stage: str | None = None
    old_form: bool = False


@dataclass(frozen=True)
class Mount:
    """A volume mounted at a path of a container."""

    volume: str
    path: str


@dataclass(frozen=True)
class Secret:
    """A Snowflake secret in a container: one of its keys as a variable, or all its keys as files in a folder."""

    name: str
    variable: str | None = None
    key: str = "secret_string"
    folder: str | None = None


def read_volumes(listed: Any, report: Report) -> tuple[Volume, ...]:
    """Read spec.volumes; every problem is reported."""
    entries = [_volume(item, where, report) for where, item in _items(listed, "spec.volumes", report)]
    volumes = tuple(volume for volume in entries if volume is not None)
    names = [volume.name for volume in volumes]
    for name in sorted({name for name in names if names.count(name) > 1}):
        report(f"volume name '{name}' is used more than once.")
    for label, count, limit in (
        ("volumes", len(volumes), _MOST_VOLUMES),
        ("block volumes", sum(volume.source == "block" for volume in volumes), _MOST_BLOCKS),
        ("stage volumes", sum(volume.source == "stage" for volume in volumes), _MOST_STAGES),
    ):
        if count > limit:
            report(f"at most {limit} {label} are allowed, {count} given.")
    return volumes


def _items(listed: Any, where: str, report: Report) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if listed is None:
        return
    if not isinstance(listed, list):
        report(f"{where} must be a list.")
        return
    for index, item in enumerate(listed):
        if isinstance(item, dict):
            yield f"{where}[{index}]", item
        else:
            report(f"{where}[{index}] must be a mapping.")


def _known(item: Mapping[str, Any], where: str, allowed: str, report: Report) -> None:
    for key in item:
        if key not in allowed.split():
            report(f"unknown option '{key}' for '{where}'. Known: {', '.join(sorted(allowed.split()))}.")


def _volume(item: Mapping[str, Any], where: str, report: Report) -> Volume | None:
    _known(item, where, "name source size uid gid blockConfig stageConfig", report)
    name, source = str(item.get("name") or ""), str(item.get("source") or "")
    if not name:
        report(f"{where}.name is missing.")
    elif not _NAME.fullmatch(name):
        report(f"{where}.name: '{name}' must be letters, digits, hyphens, underscores and dots, no dot first.")
    stage, old_form = None, source.startswith("@")
    if old_form:
        source, stage = "stage", source
    elif source == "stage":
        stage = _stage(item.get("stageConfig"), where, report)
    elif source not in _SOURCES:
        report(f"{where}.source: '{source}' is none of {', '.join(_SOURCES)}.")
        return None
    if source in _SIZED:
        _check_size(item.get("size"), source, where, report)
    if source not in _SIZED and item.get("size") is not None:
        report(f"{where}.size: a {source} volume takes none.")
    return Volume(name, source, stage, old_form)


def _check_size(size: Any, source: str, where: str, report: Report) -> None:
    if size is None:
        report(f"{where}.size is missing: a {source} volume needs one.")
    elif source == "block" and not _BLOCK_SIZE.fullmatch(str(size)):
        report(f"{where}.size: '{size}' must be a whole number with the unit Gi.")
    elif not _SIZE.fullmatch(str(size)):
        report(f"{where}.size: '{size}' is not a quantity.")


def _stage(config: Any, where: str, report: Report) -> str:
    name = config.get("name") if isinstance(config, dict) else None
    if not isinstance(name, str) or not name.startswith("@"):
        report(f"{where}.stageConfig.name must be a stage such as '@db.schema.stage/path'.")
        return "@"
    return name


def read_mounts(listed: Any, where: str, report: Report) -> tuple[Mount, ...]:
    """Read a container's volumeMounts."""
    mounts = []
    for place, item in _items(listed, f"{where}.volumeMounts", report):
        _known(item, place, "name mountPath", report)
        mounts.append(Mount(str(item.get("name") or ""), _path(item.get("mountPath"), f"{place}.mountPath", report)))
    return tuple(mounts)


def _path(value: Any, where: str, report: Report) -> str:
    path = str(value or "")
    if not path.startswith("/") or not path.strip("/") or ".." in path.split("/"):
        report(f"{where}: '{path}' is not an absolute path below /.")
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def read_secrets(listed: Any, where: str, report: Report) -> tuple[Secret, ...]:
    """Read a container's secrets."""
    items = list(_items(listed, f"{where}.secrets", report))
    if len(items) > _MOST_SECRETS:
        report(f"at most {_MOST_SECRETS} secrets are allowed, {len(items)} given for {where}.")
    return tuple(_secret(item, place, report) for place, item in items)


def _secret(item: Mapping[str, Any], where: str, report: Report) -> Secret:
    _known(item, where, "snowflakeSecret directoryPath envVarName secretKeyRef", report)
    variable, folder, key = (item.get(name) for name in ("envVarName", "directoryPath", "secretKeyRef"))
    if (variable is None) == (folder is None):
        report(f"{where} must have either envVarName or directoryPath.")
    if key is not None and key not in _KEYS:
        report(f"{where}.secretKeyRef: '{key}' is none of {', '.join(_KEYS)}.")
    if (key is None) != (variable is None):
        report(f"{where}.secretKeyRef is for envVarName, which needs it.")
    path = None if folder is None else _path(folder, f"{where}.directoryPath", report)
    name = _secret_name(item.get("snowflakeSecret"), where, report)
    return Secret(name, None if variable is None else str(variable), str(key or "secret_string"), path)


def _secret_name(value: Any, where: str, report: Report) -> str:
    name = value.get("objectName") if isinstance(value, dict) else value
    if isinstance(value, dict) and "objectReference" in value:
        report(f"{where}.snowflakeSecret.objectReference is for applications; give objectName.")
    elif not isinstance(name, str) or not name:
        report(f"{where}.snowflakeSecret must name a secret.")
    return str(name or "")


def check_mounts(volumes: tuple[Volume, ...], where: str, mounts: tuple[Mount, ...], report: Report) -> None:
    """Report mounts of volumes that do not exist, and paths that are used twice."""
    names = {volume.name for volume in volumes}
    for mount in mounts:
        if mount.volume not in names:
            names_text = ", ".join(sorted(names)) or "none"
            report(
                f"{where}.volumeMounts: there is no volume '{mount.volume}' in spec.volumes. There are: {names_text}."
            )
    paths = [mount.path for mount in mounts]
    for path in sorted({path for path in paths if paths.count(path) > 1}):
        report(f"{where}.volumeMounts: '{path}' is used more than once.")
