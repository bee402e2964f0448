"""Job services: the object kind, EXECUTE JOB SERVICE, and the containers, which run as child processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snowflake_sandbox.services import job, methods, ml_jobs, records, registry, service, supervisor, telemetry

if TYPE_CHECKING:
    from snowflake_sandbox.call import World

TABLES = records.TABLES + registry.TABLES


def register(world: World) -> None:
    """Add the kind, the statements, the functions and the supervisor."""
    world.kinds[service.DECLARATION.name] = service.DECLARATION
    world.statements |= {
        "EXECUTE JOB SERVICE": job.execute_job_service,
        "SHOW IMAGES": registry.show_images,
        "SHOW ENDPOINTS": service.show_endpoints,
        "SHOW JOB SERVICES": service.show_job_services,
        "SHOW ROLES IN": service.show_roles,
        "SHOW SERVICES": service.show_services,
        "SHOW SERVICE CONTAINERS": service.show_containers,
        "SHOW SERVICE INSTANCES": service.show_instances,
    }
    methods.register(world)
    ml_jobs.register(world)
    telemetry.register(world)
    world.parts["services"] = supervisor.Supervisor(world)
