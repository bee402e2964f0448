"""EXECUTE JOB SERVICE (sql-reference/sql/execute-job-service): grammar, checks, and the wait of the synchronous form.

Knows the statement and the privileges it needs (facts C1); must not know how containers run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access, bundles, future
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.objects import compute_pool
from snowflake_sandbox.result import Result, status
from snowflake_sandbox.services import images, machine, mounts, node_sizes, records, registry, spec
from snowflake_sandbox.services.machine import JobStatus
from snowflake_sandbox.services.records import Job
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import ObjectName, Reader
from snowflake_sandbox.tables import stage_files

if TYPE_CHECKING:
    import threading

    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.services.supervisor import Supervisor

# Upper case after reading. In lower case, with hyphens for underscores, the name must be a valid DNS label.
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,62}")
_CHECK_SECONDS = 0.1


@dataclass
class Definition:
    """The content of the statement."""

    pool: str
    name: ObjectName | None = None
    asynchronous: bool = False
    replicas: int = 1
    query_warehouse: str | None = None
    comment: str | None = None
    integrations: list[str] = field(default_factory=list)
    specification: str = ""


def execute_job_service(call: Call) -> Result:
    """Run the statement.

    Raises:
        SnowflakeError: 001003 syntax, 002002 name in use, 395018 invalid specification; missing objects and
            privileges; 395041 with the reason, if a synchronous job does not end DONE.
    """
    return start(call, _read(call))


def start(call: Call, definition: Definition) -> Result:
    """Create a job, and wait for its end unless it is asynchronous.

    Raises:
        SnowflakeError: as in `execute_job_service`.
    """
    parsed = spec.parse(definition.specification)
    _refuse_old_mounts(call, parsed)
    service = _made_before(call) or _create(call, definition, parsed)
    supervisor: Supervisor = call.world.parts["services"]
    if definition.asynchronous:
        return status(f"Started Snowpark Container Services Job '{service.name.name}'.")
    wait(call, supervisor, service)
    return _outcome(call, service)


def _read(call: Call) -> Definition:
    reader = call.reader
    reader.expect("IN COMPUTE POOL")
    definition = Definition(reader.quoted_name().name)
    readers = {
        "NAME": lambda: setattr(definition, "name", _job_name(call)),
        "ASYNC": lambda: setattr(definition, "asynchronous", reader.boolean()),
        "REPLICAS": lambda: setattr(definition, "replicas", _replicas(reader)),
        "QUERY_WAREHOUSE": lambda: setattr(definition, "query_warehouse", reader.quoted_name().name),
        "COMMENT": lambda: setattr(definition, "comment", reader.string()),
        "EXTERNAL_ACCESS_INTEGRATIONS": lambda: definition.integrations.extend(_integrations(reader)),
    }
    while not reader.at_end:
        word = reader.peek()
        if not definition.specification and reader.accept("FROM"):
            definition.specification = _specification(call)
            continue
        # A property that was already read is not accepted again.
        if word not in readers or reader.peek(1) != "=":
            raise reader.unexpected()
        reader.index += 1
        reader.expect("=")
        readers.pop(word)()
    if not definition.specification:
        raise reader.unexpected()
    return definition


def _job_name(call: Call) -> ObjectName:
    reader = call.reader
    name = call.session.resolve(reader.object_name(), ObjectScope.SCHEMA, "EXECUTE JOB SERVICE")
    # The provider quotes names; a quoted name is accepted if it would be the same without quotes.
    if not _NAME.fullmatch(name.name) or name.name.endswith("_"):
        raise SnowflakeError(
            395000,  # guess
            "22023",
            f"SQL compilation error:\nInvalid service name '{name.name}': it must be an unquoted identifier that is a"
            " valid DNS label: at most 63 letters, digits and underscores, beginning with a letter.",
        )
    return name


def _replicas(reader: Reader) -> int:
    value = reader.integer()
    if value < 1:
        raise errors.invalid_value(str(value), "REPLICAS")
    return value


def _integrations(reader: Reader) -> list[str]:
    reader.expect("(")
    return [name.name for name in reader.name_list(")")]


def _specification(call: Call) -> str:
    """Return the specification after FROM: inline or from a file of a stage, literal or a template."""
    reader = call.reader
    location = None
    if reader.peek().startswith("@") or reader.peek() == "":
        location = stage_files.locate(call, stage_files.read_location(reader), "READ")
    suffix = "_FILE" if location is not None else ""
    template = reader.accept(f"SPECIFICATION_TEMPLATE{suffix}")
    # SPEC abbreviates either form.
    if not template and not reader.accept("SPEC"):
        reader.expect(f"SPECIFICATION{suffix}")
    if location is not None:
        reader.expect("=")
    else:
        reader.accept("=")
    text = reader.string()
    if location is not None:
        text = _read_file(location, text)
    return spec.fill_template(text, _template_values(reader)) if template else text


def _read_file(location: stage_files.Location, path: str) -> str:
    files = {str(file.relative_to(location.root)): file for file in location.files()}
    path_in_stage = "/".join(part for part in (location.path.strip("/"), path.strip("/")) if part)
    if path_in_stage not in files:
        names = ", ".join(sorted(files)) or "none"
        raise spec.invalid([f"specification file '{path}' is not in stage @{location.name}. Its files: {names}."])
    return files[path_in_stage].read_text(errors="replace")


def _template_values(reader: Reader) -> _CaseInsensitive:
    reader.expect("USING")
    reader.expect("(")
    values: dict[str, Any] = {}
    while not reader.accept(")"):
        name = reader.identifier()
        values[name.lower()] = _template_value(reader)
        reader.accept(",")
    return _CaseInsensitive(values)


class _CaseInsensitive(dict[str, Any]):
    """Template variables, looked up in any case: USING upper-cases unquoted names, templates use any case."""

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(name.lower())


def _template_value(reader: Reader) -> Any:
    reader.expect("=>")
    return reader.value()


def _made_before(call: Call) -> SnowflakeObject | None:
    """Return the job that this statement created before the sandbox was killed: a task's statement is run again."""
    if call.session.task is None:
        return None
    with call.world.store.reading() as tx:
        object_id = records.of_statement(tx, call.query_id, call.session.task.task_run_id)
        return None if object_id is None else catalog.by_id(tx, object_id)


def _refuse_old_mounts(call: Call, parsed: spec.Specification) -> None:
    """Apply BCR-2449: a stage must be mounted with `stageConfig`, not as the source of a volume."""
    with call.world.store.reading() as tx:
        is_refused = bundles.is_enabled(tx, bundles.NO_OLD_STAGE_MOUNTS)
    if is_refused and any(volume.old_form for volume in parsed.volumes):
        raise errors.SnowflakeError(395018, "22023", "stage mount v1 not supported, please use v2 instead")


def _create(call: Call, definition: Definition, parsed: spec.Specification) -> SnowflakeObject:
    """Check everything, then write object and record in one transaction and pass the job to the supervisor."""
    name = definition.name or call.session.resolve(
        ObjectName(f"JOB_{call.query_id.replace('-', '_').upper()}"), ObjectScope.SCHEMA, "EXECUTE JOB SERVICE"
    )
    access.require_create(call, "SERVICE", name)
    with call.world.store.reading() as tx:
        pool = catalog.get(tx, "COMPUTE POOL", ObjectName(definition.pool))
    access.require(call, "USAGE", pool)
    _require_room(parsed, pool)
    _require_images(call, parsed)
    _require_warehouse(call, definition)
    _require_integrations(call, definition)
    mounts.require(call, parsed)
    compute_pool.resume_if_allowed(call.now, call.world, pool)
    with call.world.store.transaction() as tx:
        properties = {
            "spec": definition.specification,
            "comment": definition.comment,
            "query_warehouse": definition.query_warehouse,
            "is_async_job": definition.asynchronous,
            "external_access_integrations": definition.integrations,
        }
        service = catalog.create(tx, "SERVICE", name, call.session.role, call.now, properties)
        future.apply(tx, service, call.now)
        job = _job(call, definition, parsed, service)
        records.insert(
            tx, job, {container.name: container.image for container in parsed.containers}, call.query_id, call.now
        )
        if call.session.task is not None:
            # documented (BCR-2182): only for the job of the task's own statement, not for a job started by a procedure
            tx.run(
                "UPDATE task_run SET spcs_job_id = ? WHERE id = ? AND query_id = ?",
                service.id,
                call.session.task.task_run_id,
                call.query_id,
            )
    call.world.parts["services"].add(job)
    return service


def _job(call: Call, definition: Definition, parsed: spec.Specification, service: SnowflakeObject) -> Job:
    return Job(
        object_id=service.id,
        name=service.name.name,
        database=service.name.database or "",
        schema=service.name.schema or "",
        pool=definition.pool,
        owner=service.owner,
        specification=definition.specification,
        cpu=parsed.cpu,
        memory=parsed.memory,
        task_run_id=call.session.task.task_run_id if call.session.task else None,
        warehouse=definition.query_warehouse,
        run=machine.new_run(definition.replicas, [container.name for container in parsed.containers]),
    )


def _require_room(parsed: spec.Specification, pool: SnowflakeObject) -> None:
    """Require that a node of the pool, without other jobs, could run an instance (specification reference, resources).

    Raises:
        SnowflakeError: 395018 (guess).
    """
    problems = node_sizes.too_much(parsed.cpu, parsed.memory, parsed.gpu, pool["instance_family"])
    if problems:
        raise spec.invalid([f"compute pool {pool.name.name} can never run it: it requests {'; '.join(problems)}."])


def _require_images(call: Call, parsed: spec.Specification) -> None:
    """Require that every image's repository exists and is readable. A missing image shows only when it is pulled."""
    for container in parsed.containers:
        try:
            reference = images.parse_reference(container.image)
        except images.ImageError as error:
            raise spec.invalid([f"container '{container.name}': {error}"]) from error
        if reference.repository is None:
            raise spec.invalid(
                [f"container '{container.name}': image '{container.image}' must be given as /db/schema/repository/name"]
            )
        if reference.repository == registry.SYSTEM_REPOSITORY:
            continue
        database, schema, repository = (part.upper() for part in reference.repository)
        with call.world.store.reading() as tx:
            image_repository = catalog.get(tx, "IMAGE REPOSITORY", ObjectName(repository, schema, database))
        access.require(call, ("READ", "WRITE"), image_repository)


def _require_warehouse(call: Call, definition: Definition) -> None:
    if definition.query_warehouse is not None:
        with call.world.store.reading() as tx:
            warehouse = catalog.get(tx, "WAREHOUSE", ObjectName(definition.query_warehouse))
        access.require(call, "USAGE", warehouse)


def _require_integrations(call: Call, definition: Definition) -> None:
    for name in definition.integrations:
        with call.world.store.reading() as tx:
            integration = catalog.get(tx, "EXTERNAL ACCESS INTEGRATION", ObjectName(name))
        access.require(call, "USAGE", integration)


def wait(call: Call, supervisor: Supervisor, service: SnowflakeObject) -> None:
    """Wait for a job's end; if the statement is cancelled first, the job is cancelled too.

    Raises:
        SnowflakeError: 000604 if the statement was cancelled.
    """
    if not wait_for_end(call, supervisor.ended(service.id)):
        supervisor.cancel(service.id)
        raise errors.cancelled()


def wait_for_end(call: Call, ended: threading.Event, deadline: Any = None) -> bool:
    """Wait for an event; return False if the statement is cancelled or the deadline (a time) passes first."""
    while not ended.wait(_CHECK_SECONDS):
        if call.cancelled.is_set() or (deadline is not None and call.world.clock.now() >= deadline):
            return False
    return True


def _outcome(call: Call, service: SnowflakeObject) -> Result:
    with call.world.store.reading() as tx:
        row, listed = records.row(tx, service.id), records.containers(tx, service.id)
    ended = row["status"] if row is not None else JobStatus.CANCELLED
    if ended == JobStatus.DONE:
        return status(f"Job {service.name.name} completed successfully with status: DONE.")
    failed = next((row for row in listed if row["status"] == "FAILED" and row["message"] != machine.TERMINATED), None)
    reason = f" Container '{failed['name']}': {failed['message']}." if failed is not None else ""
    code = f" Exit code {failed['exit_code']}." if failed is not None and failed["exit_code"] is not None else ""
    raise SnowflakeError(395041, "P0000", f"Job {service.name.name} failed with status: {ended}.{reason}{code}")
