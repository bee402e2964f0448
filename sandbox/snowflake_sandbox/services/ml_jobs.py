"""SYSTEM$EXECUTE_ML_JOB and SYSTEM$GET_ML_JOB_RUNTIME, the functions that the client of ML jobs calls.

Knows the options that the published client sends (snowflake-ml-python, job_definition.py) and the specification that it
reads back from DESCRIBE SERVICE; must not know how a job runs. Nothing here is documented: all of it is a guess, based
on the client.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from snowflake_sandbox import errors
from snowflake_sandbox.data.function_arguments import counted
from snowflake_sandbox.services import job
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snowflake_sandbox.call import Call, World

_REPOSITORY = "/snowflake/images/snowflake_images"
_IMAGE = "st_plat/runtime/x86/runtime_image/snowbooks"
_TAG = "1.8.0"
_STAGE_FOLDER, _RESULT_FOLDER = "/mnt/job_stage", "/mnt/job_result"
_RESULT_FILE = "mljob_result"
_SUFFIX_LENGTH = 12


def register(world: World) -> None:
    """Add the functions."""
    world.functions |= {"SYSTEM$GET_ML_JOB_RUNTIME": runtime, "SYSTEM$EXECUTE_ML_JOB": execute_ml_job}


def runtime(_call: Call, arguments: tuple[Any, ...]) -> str:
    """SYSTEM$GET_ML_JOB_RUNTIME(pool, environment): the image for which the sandbox has a stand-in."""
    counted(arguments, 1, 2, "SYSTEM$GET_ML_JOB_RUNTIME")
    return f"{_REPOSITORY}/{_IMAGE}:{_TAG}"


def execute_ml_job(call: Call, arguments: tuple[Any, ...]) -> str:
    """SYSTEM$EXECUTE_ML_JOB(name, pool, specification's options, job's options): the qualified name of the job.

    Raises:
        SnowflakeError: 001008 for options that are not a JSON object, and what EXECUTE JOB SERVICE raises.
    """
    name_text, pool, spec_text, job_text = counted(arguments, 4, 4, "SYSTEM$EXECUTE_ML_JOB")
    options, job_options = _options(spec_text), _options(job_text)
    name = call.session.resolve(
        Reader(_with_suffix(str(name_text), call.query_id)).object_name(), ObjectScope.SCHEMA, "CALL"
    )
    definition = job.Definition(
        pool=Reader(str(pool)).object_name().name,
        name=name,
        asynchronous=bool(job_options.get("ASYNC", True)),
        replicas=int(job_options.get("TARGET_INSTANCES") or 1),
        query_warehouse=_name(job_options.get("QUERY_WAREHOUSE")),
        comment=job_options.get("COMMENT"),
        integrations=[_name(item) or "" for item in job_options.get("EXTERNAL_ACCESS_INTEGRATIONS") or ()],
        specification=specification(options, name.name, job_options),
    )
    job.start(call, definition)
    return name.qualified


def _options(text: Any) -> dict[str, Any]:
    try:
        options = json.loads(str(text))
    except ValueError:
        options = None
    if not isinstance(options, dict):
        raise errors.invalid_value(str(text), "SYSTEM$EXECUTE_ML_JOB")
    return options


def _with_suffix(name: str, query_id: str) -> str:
    """Return the name, with a suffix if it ends with an underscore; the same statement always gets the same suffix."""
    return name + re.sub(r"\W", "", query_id).upper()[:_SUFFIX_LENGTH] if name.rstrip('"').endswith("_") else name


def _name(text: Any) -> str | None:
    return Reader(str(text)).object_name().name if text else None


def specification(options: Mapping[str, Any], name: str, job_options: Mapping[str, Any]) -> str:
    """Return the specification of a job in the form that the client reads back.

    Args:
        options: STAGE_PATH, ARGS, ENV_VARS, RUNTIME, SPEC_OVERRIDES.
        name: the job's name; its result is in a folder of that name below STAGE_PATH.
        job_options: TARGET_INSTANCES and MIN_INSTANCES.
    """
    stage = str(options["STAGE_PATH"]).rstrip("/")
    image = str(options.get("RUNTIME") or _TAG)
    full = image if "/" in image else f"{_REPOSITORY}/{_IMAGE}:{image}"
    environment = {
        **{str(key): str(value) for key, value in (options.get("ENV_VARS") or {}).items()},
        "MLRS_STAGE_MOUNT_PATH": _STAGE_FOLDER,
        "MLRS_STAGE_RESULT_PATH": _RESULT_FOLDER,
        "MLRS_RESULT_PATH": _RESULT_FILE,
        "MLRS_PAYLOAD_DIR": "app",
        "MLRS_MIN_INSTANCES": str(job_options.get("MIN_INSTANCES") or 1),
    }
    container = {
        "name": "main",
        "image": full,
        "args": [str(argument) for argument in options.get("ARGS") or ()],
        "env": environment,
        "volumeMounts": [
            {"name": "stage-volume", "mountPath": _STAGE_FOLDER},
            {"name": "result-volume", "mountPath": _RESULT_FOLDER},
        ],
    }
    volumes = [
        {"name": "stage-volume", "source": "stage", "stageConfig": {"name": stage}},
        {"name": "result-volume", "source": "stage", "stageConfig": {"name": f"{stage}/{name}"}},
    ]
    spec = {"spec": {"containers": [container], "volumes": volumes}}
    return yaml.safe_dump(_merged(spec, options.get("SPEC_OVERRIDES") or {}), sort_keys=False)


def _merged(spec: Any, overrides: Any) -> Any:
    """Return a specification with overrides: objects and lists of named objects are merged, all else is replaced."""
    if isinstance(spec, dict) and isinstance(overrides, dict):
        return {key: _merged(spec.get(key), overrides.get(key)) for key in {**spec, **overrides}}
    if isinstance(spec, list) and isinstance(overrides, list) and all(isinstance(item, dict) for item in overrides):
        by_name = {item.get("name"): item for item in overrides}
        kept = [_merged(item, by_name.pop(item.get("name"), None)) for item in spec]
        return [*kept, *by_name.values()]
    return spec if overrides is None else overrides
