"""Secrets and volumes of a container: variables, files and folders, and who may use them.

Knows secrets, stages and the folders of a job; must not know processes (launcher.py makes the mounts). A stage volume
is the stage's own folder, so that both sides see every file at once. For systems that allow no mounts, whatever belongs
at a path P is also below the container's root, at `$SANDBOX_ROOT/P`.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.objects import secret, stage
from snowflake_sandbox.services import environment, spec
from snowflake_sandbox.session import ObjectScope, Session
from snowflake_sandbox.statements.reader import Reader
from snowflake_sandbox.tables import stage_files

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.services.machine import Key
    from snowflake_sandbox.services.records import Job
    from snowflake_sandbox.services.spec import Specification
    from snowflake_sandbox.services.volumes import Secret, Volume

ROOT_VARIABLE = "SANDBOX_ROOT"


class MountError(Exception):
    """A secret or volume cannot be provided to a container; the text says why, without any value."""


@dataclass
class ContainerMounts:
    """What a container gets.

    Attributes:
        environment: its variables.
        mounts: (folder on this machine, path in the container, whether it is read-only).
    """

    environment: dict[str, str] = field(default_factory=dict)
    mounts: list[tuple[str, str, bool]] = field(default_factory=list)


def require(call: Call, parsed: Specification) -> None:
    """Check that every secret and stage exists, and that the session's role may use it.

    Raises:
        SnowflakeError: 002003 or 003001 (READ on each secret and stage); 395018 for a secret without the requested key,
            or a stage without server-side encryption, which the documentation requires.
    """
    problems: list[str] = []
    for container in parsed.containers:
        for secret_use in container.secrets:
            secret_object = _find(call, "SECRET", secret_use.name)
            access.require(call, "READ", secret_object)
            if secret_use.variable is not None and secret_use.key not in secret.keys(secret_object):
                problems.append(f"secret '{secret_use.name}' of type {secret_object['type']} has no {secret_use.key}.")
    for volume in parsed.volumes:
        if volume.stage is not None:
            location = stage_files.locate(call, volume.stage, "READ")
            assert location.stage is not None  # noqa: S101  # a stage by name
            if (location.stage["encryption"] or {}).get("TYPE", "").upper() != "SNOWFLAKE_SSE":
                problems.append(f"volume '{volume.name}': stage '{volume.stage}' must have encryption SNOWFLAKE_SSE.")
    if problems:
        raise spec.invalid(problems)


def _find(call: Call, kind: str, text: str) -> SnowflakeObject:
    name = call.session.resolve(Reader(text).object_name(), ObjectScope.SCHEMA, "EXECUTE JOB SERVICE")
    with call.world.store.reading() as tx:
        return catalog.get(tx, kind, name)


def give(world: World, job: Job, parsed: Specification, key: Key, root: Path) -> ContainerMounts:
    """Lay out a container's secrets and volumes below its root.

    Args:
        world: the sandbox.
        job: the job, whose owner role needs the privileges.
        parsed: the job's specification.
        key: the container; the containers of an instance share its volumes.
        root: the container's folder, which is removed when the container ends.

    Raises:
        MountError: one of them is gone, or the role has lost its privilege.
    """
    surroundings = ContainerMounts()
    container = next(candidate for candidate in parsed.containers if candidate.name == key[1])
    for secret_use in container.secrets:
        _give_secret(world, job, secret_use, root, surroundings)
    volumes = {volume.name: volume for volume in parsed.volumes}
    for mount in container.mounts:
        source, read_only = _folder(world, job, key[0], volumes[mount.volume], root)
        below = root / mount.path.lstrip("/")
        # A mount hides what the image has at its path.
        if below.is_dir() and not below.is_symlink():
            shutil.rmtree(below)
        elif below.parent.resolve().is_relative_to(root.resolve()):
            below.unlink(missing_ok=True)
        if below.parent.resolve().is_relative_to(root.resolve()):
            below.parent.mkdir(parents=True, exist_ok=True)
            below.symlink_to(source, target_is_directory=True)
        surroundings.mounts.append((str(source), mount.path, read_only))
    _refuse_covering(surroundings, root)
    if surroundings.mounts:
        surroundings.environment[ROOT_VARIABLE] = str(root)
    return surroundings


def _refuse_covering(surroundings: ContainerMounts, root: Path) -> None:
    """Refuse mounts over folders of this machine that the container's process, as a child process, needs to run."""
    for _, path, _ in surroundings.mounts:
        if any(Path(used).is_relative_to(path) for used in (root, sys.executable, sys.prefix, sys.base_prefix)):
            raise MountError(f"Nothing can be mounted at {path} in the sandbox: its own files are below it.")


def _owned(world: World, job: Job, kind: str, text: str) -> SnowflakeObject:
    """Return an object that a specification names, if the service's owner role may read it."""
    session = Session(0, "", "", job.owner, world.clock.now(), database=job.database, schema=job.schema)
    try:
        name = session.resolve(Reader(text).object_name(), ObjectScope.SCHEMA, kind)
        with world.store.reading() as tx:
            item = catalog.get(tx, kind, name)
    except SnowflakeError as error:
        raise MountError(error.message) from error
    if not access.role_has(world, job.owner, item, "READ"):
        raise MountError(errors.insufficient_privileges(kind, item.name.name).message)
    return item


def _give_secret(world: World, job: Job, secret_use: Secret, root: Path, surroundings: ContainerMounts) -> None:
    values = secret.values(world, _owned(world, job, "SECRET", secret_use.name))
    if secret_use.variable is not None:
        if secret_use.key not in values:
            raise MountError(f"Secret '{secret_use.name}' has no {secret_use.key}.")
        surroundings.environment[secret_use.variable] = values[secret_use.key]
    if secret_use.folder is not None:
        folder = root / secret_use.folder.lstrip("/")
        if not folder.resolve().is_relative_to(root.resolve()):
            raise MountError(f"A link of the image leads the path {secret_use.folder} out of the container.")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for key, value in values.items():
            environment.write_alone(folder / key, value)
        surroundings.mounts = list(dict.fromkeys([*surroundings.mounts, (str(folder), secret_use.folder, False)]))


def _folder(world: World, job: Job, instance: int, volume: Volume, root: Path) -> tuple[Path, bool]:
    """Return a volume's folder, and whether it is read-only for the container."""
    if volume.stage is not None:
        return _stage_folder(world, job, volume.stage, root.parent / f"{root.name}.{volume.name}")
    folder = volumes_folder(world, job.object_id) / str(instance) / volume.name
    folder.mkdir(parents=True, exist_ok=True)
    return folder, False


def volumes_folder(world: World, object_id: int) -> Path:
    """Return the folder of a job's volumes, which exists until the job ends."""
    return world.folder / "services" / str(object_id) / "volumes"


def _stage_folder(world: World, job: Job, reference: str, copy: Path) -> tuple[Path, bool]:
    """Return the stage's own folder, or, for a role without WRITE, a copy; and whether it is read-only."""
    name, _, path = stage_files.split(reference[1:])
    stage_object = _owned(world, job, "STAGE", name)
    try:
        folder = stage_files.inside(stage.folder(world, stage_object), path)
    except SnowflakeError as error:
        raise MountError(f"Stage path '{reference}' leaves the stage.") from error
    folder.mkdir(parents=True, exist_ok=True)
    if access.role_has(world, job.owner, stage_object, "WRITE"):
        return folder, False
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy, ignore=_no_files)
    return copy, True


def _no_files(folder: str, names: list[str]) -> set[str]:
    """Return the entries of a stage's folder that are not regular files or folders.

    A container that writes to the stage may leave a link to any file of the sandbox, or a pipe without a writer.
    """
    paths = {name: Path(folder, name) for name in names}
    return {name for name, path in paths.items() if path.is_symlink() or not (path.is_dir() or path.is_file())}
