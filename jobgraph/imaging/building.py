"""Commands and statements that build and push an image: with a local container engine, or a job inside Snowflake.

Knows the arguments of docker and podman, and the job that `snow spcs service build-image` starts (from its source,
version 3.31: one of Snowflake's images, which reads the context from a stage). Must not know how a process is started.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jobgraph.names import quoted
from jobgraph.plan.sql import literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobgraph.imaging.sources import ImageFolder
    from jobgraph.settings import Settings

BUILDER = "/snowflake/images/snowflake_images/sf-image-build:0.0.1"
ENGINES = ("docker", "podman")
# Snowflake's nodes have no other platform.
PLATFORM = "linux/amd64"
# The user of the builder, which has to read the context.
_BUILDER_USER = 65532
_CONTEXT = "/app"
# Separate from the stack's stage, which cannot be mounted. It exists only while images are built.
STAGE = "IMAGE_BUILD_CONTEXTS"
TOKEN_USER = "0sessiontoken"  # noqa: S105  # a user's name


def build(engine: str, source: ImageFolder, target: str) -> list[str]:
    """Return the command that builds an image for Snowflake with the name `target`."""
    return [engine, "build", "--platform", PLATFORM, "--tag", target, str(source.folder)]


def push(engine: str, target: str) -> list[str]:
    """Return the command that pushes the image `target`."""
    return [engine, "push", target]


def login(engine: str, host: str) -> list[str]:
    """Return the command that logs the engine in to a registry; it reads the password from its input."""
    return [engine, "login", "--username", TOKEN_USER, "--password-stdin", host]


def password(token: str, seconds: int) -> str:
    """Return the password that the registry accepts for the user `0sessiontoken`."""
    return json.dumps({"token": token, "expires_in": seconds})


def create_stage(settings: Settings) -> str:
    """Return the statement that creates the stage of contexts. Only stages with this encryption can be mounted."""
    return (
        f"CREATE STAGE IF NOT EXISTS {settings.qualified(STAGE)} ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')"
        " COMMENT = 'jobgraph: folders that images are built from'"
    )


def drop_stage(settings: Settings) -> str:
    """Return the statement that removes the stage of contexts."""
    return f"DROP STAGE IF EXISTS {settings.qualified(STAGE)}"


def stage_folder(settings: Settings, source: ImageFolder) -> str:
    """Return the folder of an image's context in the stage."""
    return f"@{settings.qualified(STAGE)}/{source.name}/{source.tag}"


def uploads(settings: Settings, source: ImageFolder) -> Iterator[str]:
    """Yield the statements that upload the context to the stage, one for each file, keeping its folders."""
    place = stage_folder(settings, source)
    for file in source.files:
        folder = file.rpartition("/")[0]
        target = f"{place}/{folder}" if folder else place
        local = f"file://{(source.folder / file).resolve()}"
        yield f"PUT {literal(local)} {literal(target)} AUTO_COMPRESS = FALSE OVERWRITE = TRUE"


def job_name(source: ImageFolder) -> str:
    """Return the name of the job service that builds an image. Only one per content can run at a time."""
    safe = source.name.upper().replace("-", "_").replace(".", "_")
    return f"BUILD_{safe}_{source.tag.upper()}"


def build_inside(settings: Settings, source: ImageFolder, pool: str, registry: str) -> str:
    """Return the statement that starts a job which builds and pushes an image inside Snowflake.

    `registry` is the host and path of the repository from SHOW IMAGE REPOSITORIES; the host inside Snowflake differs.
    """
    environment = {
        "IMAGE_REGISTRY_URL": registry.replace(".registry.", ".registry-local.", 1),
        "IMAGE_NAME": source.name,
        "IMAGE_TAG": source.tag,
        "BUILD_CONTEXT": _CONTEXT,
    }
    container: dict[str, Any] = {
        "name": "main",
        "image": BUILDER,
        "env": environment,
        "volumeMounts": [{"name": "context", "mountPath": _CONTEXT}],
    }
    volume = {
        "name": "context",
        "source": "stage",
        "stageConfig": {"name": stage_folder(settings, source)},
        "uid": _BUILDER_USER,
        "gid": _BUILDER_USER,
    }
    specification = json.dumps({"spec": {"containers": [container], "volumes": [volume]}}, indent=1)
    name = f"{settings.database}.{settings.schema}.{job_name(source)}"
    return (
        f"EXECUTE JOB SERVICE IN COMPUTE POOL {quoted(pool)} NAME = {name} ASYNC = TRUE"
        f" FROM SPECIFICATION $$\n{specification}\n$$"
    )


def describe_job(settings: Settings, source: ImageFolder) -> str:
    """Return the statement that shows the state of the build, in the column `status`."""
    return f"DESCRIBE SERVICE {settings.database}.{settings.schema}.{job_name(source)}"


def log_of_job(settings: Settings, source: ImageFolder) -> str:
    """Return the statement that reads the end of the build's log, in the column LOG."""
    name = f"{settings.database}.{settings.schema}.{job_name(source)}"
    return f"SELECT SYSTEM$GET_SERVICE_LOGS({literal(name)}, 0, 'main', 20) AS LOG"


def drop_job(settings: Settings, source: ImageFolder) -> str:
    """Return the statement that removes the build's job service if it exists."""
    return f"DROP SERVICE IF EXISTS {settings.database}.{settings.schema}.{job_name(source)} FORCE"


def show_images(settings: Settings) -> str:
    """Return the statement that lists the images in the stack's repository."""
    return f"SHOW IMAGES IN IMAGE REPOSITORY {settings.qualified(settings.image_repository)}"


def show_repository(settings: Settings) -> str:
    """Return the statement that shows the repository's address."""
    return (
        f"SHOW IMAGE REPOSITORIES LIKE {literal(settings.image_repository.replace('_', chr(92) + '_'))}"
        f" IN SCHEMA {settings.qualified()}"
    )
