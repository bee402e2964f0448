"""A container's environment: the platform's environment variables and its token.

Knows the variables (developer-guide/snowpark-container-services/additional-considerations-services-jobs) and how the
token's file is stored; must not know processes. The token is at /snowflake/session/token if the system allows mounts;
SNOWFLAKE_TOKEN_FILE_PATH has its path on every system.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from snowflake_sandbox.protocol import logins

if TYPE_CHECKING:
    from snowflake_sandbox.call import World
    from snowflake_sandbox.services.images import Image
    from snowflake_sandbox.services.records import Job

SESSION_FOLDER = "/snowflake/session"
# The folder with sitecustomize.py.
_CLIENT_DEFAULTS = Path(__file__).parents[1] / "client_defaults"
# A folder of modules that hide libraries of the sandbox's own Python, so that importing them fails.
_NOT_INSTALLED = _CLIENT_DEFAULTS / "not_installed"
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


def write_token(world: World, job: Job, root: Path) -> tuple[str, Path]:
    """Issue the container's token, which logs in with the service's owner role, and write it to a file of mode 0600."""
    token = logins.issue_token(
        world,
        # Each service has its own user, with the name of the service.
        job.name,
        job.owner,
        warehouse=job.warehouse,
        database=job.database,
        schema=job.schema,
        service=f"{job.database}.{job.schema}.{job.name}",
        task_run_id=job.task_run_id,
    )
    folder = root / "snowflake"
    # The platform's folder replaces whatever the image has at this path, even a link to another place.
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)
    else:
        folder.unlink(missing_ok=True)
    file = folder / "session" / "token"
    file.parent.mkdir(parents=True)
    write_alone(file, token)
    return token, file


def write_alone(file: Path, content: str) -> None:
    """Write a file that only its owner can read; a link at that path is replaced, not followed."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as writer:
        writer.write(content)


def with_client_defaults(variables: dict[str, str], image: Image) -> dict[str, str]:
    """Return the variables with what Python must find first: the folder that gives the connector the sandbox's port.

    Pandas and numpy are hidden if the image does not install them: they would be missing on the platform, and if they
    are present, Snowflake's clients load them, which takes longer than everything else.
    """
    own = [_CLIENT_DEFAULTS, *([_NOT_INSTALLED] if image.without_data_frames else [])]
    path = [*map(str, own), *filter(None, [variables.get("PYTHONPATH")])]
    return {**variables, "PYTHONPATH": os.pathsep.join(path)}


def variables(world: World, job: Job, root: Path, token_file: Path) -> dict[str, str]:
    """Return the platform's variables and the few that every program needs, and no others of the sandbox's process."""
    host, port = world.address
    return {
        "PATH": f"{Path(sys.executable).parent}:{_SYSTEM_PATH}",
        "HOME": str(root),
        "LANG": "C.UTF-8",
        "SNOWFLAKE_HOST": host,
        "SNOWFLAKE_PORT": str(port),
        "SNOWFLAKE_PROTOCOL": "http",
        "SNOWFLAKE_ACCOUNT": f"{logins.ORGANIZATION}-{logins.ACCOUNT}",
        "SNOWFLAKE_DATABASE": job.database,
        "SNOWFLAKE_SCHEMA": job.schema,
        "SNOWFLAKE_SERVICE_NAME": job.name,
        "SNOWFLAKE_TOKEN_FILE_PATH": str(token_file),
    }
