"""The service specification of a job, as data.

Knows the format (docs.snowflake.com/en/developer-guide/snowpark-container-services/specification-reference).
Must not know graphs, tasks, or what only a run knows: the runner adds those facts.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jobgraph.config.model import EVENT_TABLE
from jobgraph.images import image_path
from jobgraph.names import content_hash

if TYPE_CHECKING:
    from jobgraph.config.model import Job, Payload, Secret, Volume
    from jobgraph.settings import Settings

CONTAINER = "main"


def specification(job: Job, settings: Settings) -> dict[str, Any]:
    """Return the specification of the job's service; keys in the order of Snowflake's reference."""
    image = settings.pinned(job.image or settings.runtime_image)
    container: dict[str, Any] = {"name": CONTAINER, "image": image_path(image, settings.repository_path)}
    if job.command:
        container["command"] = list(job.command)
    if job.args:
        container["args"] = list(job.args)
    env = {"SNOWFLAKE_WAREHOUSE": query_warehouse(job, settings), **job.env}
    if job.payload is not None:
        env |= _payload_env(job.payload, settings)
    if job.secrets:
        # a program that wants to hide them in its output must know where they are; images/runtime does
        env["JOB_SECRETS"] = json.dumps(sorted(str(secret.env or secret.directory) for secret in job.secrets))
    # another order of the variables in the file is no change of the job
    container["env"] = dict(sorted(env.items()))
    if job.volumes:
        container["volumeMounts"] = [{"name": volume.name, "mountPath": volume.path} for volume in job.volumes]
    resources = _resources(job)
    if resources:
        # a container without limits may take its whole node, so what is requested is the limit too
        container["resources"] = {"requests": resources, "limits": dict(resources)}
    if job.secrets:
        container["secrets"] = [_secret(secret, settings) for secret in job.secrets]
    spec: dict[str, Any] = {"containers": [container]}
    if job.volumes:
        spec["volumes"] = [_volume(volume, settings) for volume in job.volumes]
    if job.logs == EVENT_TABLE:
        spec["logExporters"] = {"eventTableConfig": {"logLevel": "INFO"}}
    return {"spec": spec}


def query_warehouse(job: Job, settings: Settings) -> str:
    """Return the warehouse for the container's queries."""
    return job.warehouse or settings.warehouse


def payload_file(payload: Payload) -> str:
    """Return the name of a payload's file in the stack's stage; it carries the hash of the payload's files."""
    return f"payload_{content_hash(dict(payload.files))}.json"


def _payload_env(payload: Payload, settings: Settings) -> dict[str, str]:
    """Return the variables that the program of images/runtime reads."""
    return {
        "PAYLOAD_FILE": f"@{settings.qualified(settings.stage)}/{payload_file(payload)}",
        "PAYLOAD_ENTRYPOINT": payload.entrypoint,
        **({"PAYLOAD_PACKAGES": json.dumps(payload.pip_requirements)} if payload.pip_requirements else {}),
    }


def _resources(job: Job) -> dict[str, Any]:
    wanted = job.resources
    given = (("memory", wanted.memory), ("cpu", wanted.cpu), ("nvidia.com/gpu", wanted.gpu))
    return {name: value for name, value in given if value is not None}


def _secret(secret: Secret, settings: Settings) -> dict[str, Any]:
    named: dict[str, Any] = {"snowflakeSecret": {"objectName": settings.full_name(secret.secret)}}
    if secret.directory is not None:
        return named | {"directoryPath": secret.directory}
    return named | {"secretKeyRef": secret.key or "secret_string", "envVarName": secret.env}


def _volume(volume: Volume, settings: Settings) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": volume.name, "source": volume.source}
    if volume.size is not None:
        entry["size"] = volume.size
    if volume.stage is not None:
        stage, slash, folder = volume.stage.removeprefix("@").partition("/")
        entry["stageConfig"] = {"name": f"@{settings.full_name(stage)}{slash}{folder}"}
    return entry
