"""Containers that want to change the machine, its devices or the sandbox's own code, or to leave memory behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from snowflake_sandbox.services import launching

from tests.sandbox.services.conftest import ASYNC, job
from tests.sandbox.services.test_mounts import mounts_work

if TYPE_CHECKING:
    from tests.sandbox.services.conftest import Jobs

_SHARED = Path("/dev", "shm")

pytestmark = pytest.mark.skipif(not mounts_work(), reason="namespaces are not allowed here")


def _printed(jobs: Jobs, program: str) -> str:
    """Return what a program prints in a container."""
    jobs.run(job("J", "python", program, options=ASYNC))
    jobs.end("J")
    printed = jobs.log("J").strip()
    jobs.run("DROP SERVICE J")
    return printed


def test_a_container_changes_no_setting_of_the_machine(jobs: Jobs) -> None:
    names = ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/vm/drop_caches", "/proc/sys")
    program = f"import os\nprint([name for name in {names} if os.access(name, os.W_OK)])\n"
    assert _printed(jobs, program) == "[]"
    cgroups = "import glob, os\nprint([name for name in glob.glob('/sys/fs/cgroup/**', recursive=True) if os.access("
    assert _printed(jobs, f"{cgroups}name, os.W_OK)][:3])") == "[]"


def test_a_container_changes_neither_the_clock_nor_priorities(jobs: Jobs) -> None:
    program = (
        "import os, time\n"
        "for change in (lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()), lambda: os.nice(-5)):\n"
        "    try:\n        change()\n        print('changed')\n"
        "    except PermissionError:\n        print('refused')\n"
    )
    assert _printed(jobs, program).split() == ["refused", "refused"]


def test_a_container_has_the_usual_devices_and_no_disk(jobs: Jobs) -> None:
    program = (
        "import os, stat\n"
        "os.write(os.open('/dev/null', os.O_WRONLY), os.urandom(1) + open('/dev/zero', 'rb').read(1))\n"
        "os.openpty()\n"
        "print(open('/dev/stdin').read(), sum(stat.S_ISBLK(os.stat(f'/dev/{n}').st_mode) for n in os.listdir('/dev')))"
    )
    assert _printed(jobs, program).strip() == "0"


def test_shared_memory_of_a_container_ends_with_it(jobs: Jobs, tmp_path: Path) -> None:
    shared = _SHARED / f"{tmp_path.name}-of-the-host"
    shared.write_text("of the host")
    try:
        program = "import os\nprint(os.listdir('/dev/shm'))\nopen('/dev/shm/left-by-a-job', 'w').write('x')\n"
        assert _printed(jobs, program) == "[]"
        assert not (_SHARED / "left-by-a-job").exists()
        segment = f"import ctypes\nprint(ctypes.CDLL(None).shmget({os.getpid()}, 4096, 0o1600) >= 0)"
        assert _printed(jobs, segment) == "True"
        created_here = f"{segment.replace('0o1600', '0o0600')}"
        assert (
            subprocess.run([sys.executable, "-c", created_here], capture_output=True, check=True).stdout == b"False\n"
        )
    finally:
        shared.unlink()


def test_a_container_does_not_change_the_sandboxs_code_nor_its_python(jobs: Jobs) -> None:
    files = [str(launching.LAUNCHER), pytest.__file__, os.__file__]
    assert all(os.access(file, os.W_OK) for file in files)
    assert (
        _printed(jobs, f"import os\nprint([os.access(file, os.W_OK) for file in {files}])") == "[False, False, False]"
    )
