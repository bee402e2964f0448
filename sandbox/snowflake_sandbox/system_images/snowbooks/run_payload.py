"""The program of the stand-in for Snowflake's runtime of ML jobs: `bash …/startup.sh <entrypoint> <arguments>`.

The start-up script that clients upload is meant for a dedicated machine: it installs packages into the interpreter,
writes cron files and starts Ray. It is never run here. This program replaces it: it installs the packages of the
payload's requirements.txt into a folder of the job, and the client's launcher runs the payload. The launcher needs the
client's library; if the sandbox's Python lacks it, it is installed once per machine, into a folder for temporary files,
without the libraries for machine learning that it requires.
"""
# its output is the log of the job

import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

LIBRARY = "snowflake-ml-python"
# Those dependencies of the library that its jobs need and the sandbox lacks.
NEEDED = ("absl-py", "cachetools", "packaging", "pyyaml", "importlib-resources")
# The library's release, by whether the launcher is in the root of the payload, as in clients before 1.9.
VERSIONS = {True: "1.8.6", False: "2.6.0"}


def install(target: Path, *arguments: str) -> None:
    """Install packages into a folder; a failure ends the job."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-warn-conflicts",
        "--disable-pip-version-check",
        "--target",
        str(target),
    ]
    ended = subprocess.run([*command, *arguments], check=False)
    if ended.returncode:
        sys.exit(f"sandbox: pip install {' '.join(arguments)} failed with exit code {ended.returncode}")


def library_folder(version: str) -> Path | None:
    """Return the folder of the client's library, installing it if necessary; None if the interpreter has it."""
    if find_spec("snowflake") is not None and find_spec("snowflake.ml") is not None:
        return None
    name = f"{LIBRARY}-{version}-{sys.version_info.major}.{sys.version_info.minor}"
    folder = Path(tempfile.gettempdir()) / f"snowflake-sandbox-{os.getuid()}" / name
    if not folder.is_dir():
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.parent.stat().st_uid != os.getuid():
            sys.exit(f"sandbox: {folder.parent} belongs to another user")
        with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
            print(f"sandbox: installing {LIBRARY} {version} into {folder}", flush=True)
            install(Path(unfinished) / "library", "--no-deps", f"{LIBRARY}=={version}", *NEEDED)
            try:
                (Path(unfinished) / "library").rename(folder)
            except OSError:  # another job was faster
                if not folder.is_dir():
                    raise
    return folder


def main(arguments: list[str]) -> None:
    """Prepare the payload's folder and run the launcher in this process."""
    # The arguments begin with `bash <folder of the client's scripts>/startup.sh`, which is not run.
    scripts, arguments = Path(arguments[1]).parent, arguments[2:]
    stage = Path(os.environ.get("MLRS_STAGE_MOUNT_PATH") or scripts)
    payload = stage / os.environ.get("MLRS_PAYLOAD_DIR", "")
    requirements = payload / os.environ.get("MLRS_REQUIREMENTS_FILE", "requirements.txt")
    own = Path(os.environ["HOME"]) / "site-packages"
    if requirements.is_file():
        print(f"Installing packages from {requirements.name}", flush=True)
        install(own, "-r", str(requirements))
    folders = [str(folder) for folder in (own, library_folder(VERSIONS[scripts == payload])) if folder is not None]
    # The launcher's folder comes first, as for a script that Python runs.
    sys.path[:0] = [str(scripts), *folders]
    # Programs that the payload starts must find the packages, too.
    os.environ["PYTHONPATH"] = os.pathsep.join([*folders, *filter(None, [os.environ.get("PYTHONPATH")])])
    # In Snowflake instances wait for each other through Ray; here each runs the payload by itself.
    os.environ["MLRS_MIN_INSTANCES"] = "1"
    is_parallel = os.environ.get("MLRS_LAUNCH_BACKEND") == "passthrough"
    instance = os.environ.get("SNOWFLAKE_JOB_INDEX", "0")
    if not is_parallel:
        os.environ["SNOWFLAKE_JOBS_COUNT"] = "1"
        if instance != "0":
            # As in Snowflake, where the other instances are workers of the first one's Ray.
            print("sandbox: this instance is a worker; the payload runs in instance 0 alone", flush=True)
            return
    os.chdir(payload)
    launcher = scripts / "mljob_launcher.py"
    # Clients before 1.9 pass the launcher themselves.
    sys.argv = [str(launcher), *(arguments[1:] if arguments[:1] == [str(launcher)] else arguments)]
    if is_parallel:
        run_in_each_instance(launcher, instance)
    else:
        runpy.run_path(str(launcher), run_name="__main__")


def run_in_each_instance(launcher: Path, instance: str) -> None:
    """Run the launcher in one of several equal instances, and record how it ended, as Snowflake's runtime does.

    The payload sees the number of instances; the launcher, which would wait for their Ray, does not.
    """
    constants: Any = import_module("snowflake.ml.jobs._utils.constants")
    constants.TARGET_INSTANCES_ENV_VAR = "SANDBOX_INSTANCES"
    result = Path(os.environ["MLRS_STAGE_RESULT_PATH"], os.environ["MLRS_RESULT_PATH"])
    records = result.parent / "instances"
    records.mkdir(parents=True, exist_ok=True)
    if instance != "0":  # the job's result is that of the first instance
        os.environ["MLRS_RESULT_PATH"] = str(records / f"{instance}-result")
    exit_code, failure = 1, None
    try:
        runpy.run_path(str(launcher), run_name="__main__")
        exit_code = 0
    except SystemExit as end:
        exit_code = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise
    except BaseException as error:
        lines = "".join(traceback.format_exception(error))
        failure = {"type": type(error).__name__, "message": str(error), "traceback": lines, "repr": repr(error)}
        raise
    finally:
        record = {"exit_code": exit_code, "ended_at": datetime.now(UTC).isoformat(), "exc": failure}
        (records / f"{instance}.json").write_text(json.dumps(record))


if __name__ == "__main__":
    main(sys.argv[1:])
