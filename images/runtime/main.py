"""Runs a payload: downloads its files from the stage, installs its packages if it has any, starts its entrypoint.

The environment defines what to run (jobgraph's specification sets it):

    PAYLOAD_FILE        the stage file with the payload's files, as @"DB"."SCHEMA"."STAGE"/payload_<hash>.json
    PAYLOAD_ENTRYPOINT  the Python file to run, one of them
    PAYLOAD_PACKAGES    optional: a JSON list of requirements for pip

Knows the form of that file: a JSON object of base64 texts by file name. Must not know what the payload does. All
arguments go to the entrypoint, which runs in the folder of the payload's files, can import the files next to it and
`job_session`, and replaces this process: its exit code is the job's. If the job has secrets, this process stays to hide
them in the entrypoint's output; if the job is its task's own statement, it stays to set the task's return value
(`job_run`).

Ends with 1 if Snowflake or pip fails, and with 2 if called or configured incorrectly.

Build and push it once (`SHOW IMAGE REPOSITORIES` shows the repository's URL); the stack's setting `runtime_image` names
it, job_runtime:1.2 unless set:

    docker build --platform linux/amd64 -t <repository_url>/job_runtime:1.2 images/runtime
    docker login <registry_host> -u <user>
    docker push <repository_url>/job_runtime:1.2
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import job_run  # type: ignore[import-not-found]  # next to this file in the image, in no package
import job_session  # type: ignore[import-not-found]  # as above
from snowflake.connector.errors import Error as ConnectorError
from snowflake.snowpark.exceptions import SnowparkClientException

if TYPE_CHECKING:
    from collections.abc import Mapping

FAILED, MISUSED = 1, 2
log = logging.getLogger("job-runtime")


class MisuseError(Exception):
    """The environment or the payload's file is invalid, so that nothing can be run."""


def fetch(stage_file: str, folder: Path) -> bytes:
    """Return the content of a file on a stage; `folder` is a folder to which it may be downloaded."""
    session = job_session.create()
    try:
        session.file.get(stage_file, str(folder))
    finally:
        session.close()
    return (folder / stage_file.rpartition("/")[2]).read_bytes()


def unpack(content: bytes, folder: Path) -> None:
    """Write a payload's files below the folder.

    Raises:
        MisuseError: if this is not a payload, or a name leads out of the folder.
    """
    try:
        files = {str(name): base64.b64decode(text, validate=True) for name, text in json.loads(content).items()}
    except (ValueError, AttributeError, TypeError, binascii.Error) as error:
        raise MisuseError(f"the file on the stage is no payload: {error}") from error
    for name, data in files.items():
        place = folder / name
        if not place.resolve().is_relative_to(folder.resolve()):
            raise MisuseError(f"the payload's file {name!r} lies outside its folder")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


def install(packages: str, folder: Path) -> None:
    """Install requirements, a JSON list, into a folder.

    Raises:
        MisuseError: if `packages` is not a list of texts.
        subprocess.CalledProcessError: if pip fails; it has printed the reason.
    """
    try:
        requirements = [str(package) for package in json.loads(packages)]
    except (ValueError, TypeError) as error:
        raise MisuseError(f"PAYLOAD_PACKAGES is no JSON list: {error}") from error
    if requirements:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--target", str(folder), *requirements], check=True)


def prepare(environment: Mapping[str, str], top: Path) -> tuple[Path, dict[str, str]]:
    """Download, unpack and install into a folder; return the entrypoint and the environment in which to run it.

    Raises:
        MisuseError: if the environment does not define what to run, or the payload does not contain it.
    """
    try:
        stage_file, entrypoint = environment["PAYLOAD_FILE"], environment["PAYLOAD_ENTRYPOINT"]
    except KeyError as missing:
        raise MisuseError(f"{missing.args[0]} is not set: it says what to run") from None
    fetched, code, packages = (top / name for name in ("fetched", "code", "packages"))
    for folder in (fetched, code, packages):
        folder.mkdir()
    unpack(fetch(stage_file, fetched), code)
    if not (code / entrypoint).is_file():
        raise MisuseError(f"the payload has no file {entrypoint!r}")
    install(environment.get("PAYLOAD_PACKAGES", "[]"), packages)
    path = [str(packages), str(Path(__file__).resolve().parent), *filter(None, [environment.get("PYTHONPATH")])]
    return code / entrypoint, {**environment, "PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"}


def main() -> None:
    """Run the payload in place of this process, or end with an exit code."""
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(name)s %(levelname)s %(message)s")
    log.setLevel(logging.INFO)
    try:
        surroundings = {**os.environ, **job_run.variables(os.environ)}
        entrypoint, environment = prepare(surroundings, Path(tempfile.mkdtemp(prefix="payload-")))
        log.info("running %s of %s", entrypoint.name, surroundings["PAYLOAD_FILE"])
        os.chdir(entrypoint.parent)
        job_run.run([sys.executable, str(entrypoint), *sys.argv[1:]], environment)
    except job_run.LeftOut as reason:
        job_run.leave_out(reason)
    except (ValueError, MisuseError, job_run.MisuseError, job_session.NoLoginError) as error:
        log.error("%s", error)  # noqa: TRY400  # the text is complete; a traceback would only hide it
        sys.exit(MISUSED)
    except (SnowparkClientException, ConnectorError, job_session.RefusedError, subprocess.CalledProcessError) as error:
        log.error("%s", " ".join(str(error).split()))  # noqa: TRY400  # as above
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
