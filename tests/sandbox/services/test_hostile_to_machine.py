"""Containers that want to change the machine, its devices or the sandbox's own code, or to leave memory behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from snowflake_sandbox import confinement
from snowflake_sandbox.objects import stage
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


def test_a_container_shares_neither_temporary_files_nor_keys_with_others(jobs: Jobs, tmp_path: Path) -> None:
    shared = [Path(folder, f"{tmp_path.name}-of-the-host") for folder in confinement.TEMPORARY]
    for file in shared:
        file.write_text("of the host")
    try:
        keys = (
            "number = 248 if os.uname().machine == 'x86_64' else 217\n"
            "keys = [ctypes.CDLL(None).syscall(number, b'user', b'left', b'x', 1, ring) for ring in (-3, -4)]\n"
        )
        looks = (
            "import ctypes, os, tempfile\n"
            f"{keys}print(keys, [os.path.exists(file) for file in {list(map(str, shared))}],"
            " os.path.dirname(tempfile.mkdtemp()), os.path.exists('/tmp/of-the-other'))\n"
            "open('/tmp/of-the-other', 'w')\n"
        )
        for _ in range(2):
            assert _printed(jobs, looks) == "[-1, -1] [False, False] /tmp False"
    finally:
        for file in shared:
            file.unlink()


def test_a_volume_can_be_below_a_temporary_folder(jobs: Jobs) -> None:
    program = "open('/tmp/in/a/x', 'w').write('1'); import os; print(os.listdir('/tmp/in'), os.listdir('/tmp/in/a'))"
    volumes = [{"name": "v", "source": "local"}]
    mounted = [{"name": "v", "mountPath": f"{confinement.TEMPORARY[0]}/in/a"}]
    jobs.run(job("J", "python", program, options=ASYNC, volumes=volumes, volumeMounts=mounted))
    assert jobs.end("J") == "DONE"
    assert jobs.log("J").strip() == "['a'] ['x']"


def test_a_container_sees_no_stage_but_reads_and_writes_those_of_its_role(served_jobs: Jobs) -> None:
    jobs = served_jobs
    jobs.run("CREATE STAGE D.S.FILES")
    program = (
        "import io, os, snowflake.connector\n"
        "token = open('/snowflake/session/token').read()\n"
        "connection = snowflake.connector.connect(host=os.environ['SNOWFLAKE_HOST'], authenticator='oauth',"
        " account=os.environ['SNOWFLAKE_ACCOUNT'], token=token)\n"
        "cursor = connection.cursor()\n"
        "open('/tmp/a.txt', 'w').write('content')\n"
        "cursor.execute('PUT file:///tmp/a.txt @D.S.FILES/in AUTO_COMPRESS = FALSE')\n"
        "os.mkdir('/tmp/down')\n"
        "cursor.execute('GET @D.S.FILES/in file:///tmp/down/')\n"
        f"print(open('/tmp/down/a.txt').read(), os.path.exists({str(stage.root(jobs.world))!r}))\n"
    )
    assert _printed(jobs, program) == "content False"
