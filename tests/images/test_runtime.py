"""The runtime image's program as a child process, against a stand-in for Snowflake's client."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser

from jobgraph.settings import Settings

HERE = Path(__file__).parent
IMAGE = HERE.parents[1] / "images" / "runtime"
STAGE_FILE = '@"DB"."SC"."JOBS"/payload_1.json'


def payload(**files: str) -> str:
    return json.dumps({n.replace("__", "/") + ".py": base64.b64encode(t.encode()).decode() for n, t in files.items()})


def run(tmp_path: Path, content: str, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    done = run_bytes(tmp_path, content, extra, *arguments)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def run_bytes(
    tmp_path: Path, content: str, extra: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[bytes]:
    stage = tmp_path / "stage"
    stage.mkdir()
    (stage / "payload_1.json").write_text(content)
    (tmp_path / "token").write_text("abc")
    environment = {
        "SNOWFLAKE_HOST": "127.0.0.1",
        "SNOWFLAKE_ACCOUNT": "A",
        "SNOWFLAKE_TOKEN_FILE_PATH": str(tmp_path / "token"),
        "PYTHONPATH": str(HERE / "stub"),
        "STUB_STAGE": str(stage),
        "STUB_RECORD": str(tmp_path / "record"),
        "TMPDIR": str(tmp_path),
        "PAYLOAD_FILE": STAGE_FILE,
        "PAYLOAD_ENTRYPOINT": "main.py",
        **extra,
    }
    environment = {name: value for name, value in environment.items() if value}
    # -S: without site-packages, where Snowflake's own client would come first; the entrypoint starts without it
    command = [sys.executable, "-S", "main.py", *arguments]
    return subprocess.run(command, cwd=IMAGE, env=environment, capture_output=True, check=False, timeout=60)


def test_the_entrypoint_runs_with_its_neighbours_and_the_jobs_arguments(tmp_path: Path) -> None:
    content = payload(
        main="import sys, json, part.inner as inner, other, job_session\n"
        "print(json.dumps([sys.argv[1:], inner.X, other.Y]))",
        other="Y = open('main.py').readline()[:6]",
        part__inner="X = 7",
    )
    done = run(tmp_path, content, "--a=b c", "$HOME")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == json.dumps([["--a=b c", "$HOME"], 7, "import"])


def test_the_entrypoints_exit_code_is_the_jobs(tmp_path: Path) -> None:
    assert run(tmp_path, payload(main="raise SystemExit(7)")).returncode == 7


def test_secrets_are_hidden_in_what_the_entrypoint_prints(tmp_path: Path) -> None:
    folder = tmp_path / "login"
    folder.mkdir()
    (folder / "password").write_text("hunter2-hunter2\n")
    (folder / "key").write_text("-----BEGIN\nMIIEvQIBADANBg\n-----END\n")
    main = (
        "import os, sys, pathlib\n"
        "print('token', os.environ['API_TOKEN'] * 2, flush=True)\n"
        "print('key', pathlib.Path(os.environ['LOGIN'], 'key').read_text(), file=sys.stderr, flush=True)\n"
        "sys.stdout.buffer.write(b'\\xff' + pathlib.Path(os.environ['LOGIN'], 'password').read_bytes())\n"
        "print(os.environ['SHORT'], end='')\n"
        "raise SystemExit(7)"
    )
    places = json.dumps(["API_TOKEN", "SHORT", "ABSENT", str(folder)])
    extra = {"API_TOKEN": "correct-horse", "SHORT": "abc", "LOGIN": str(folder), "JOB_SECRETS": places}
    done = run_bytes(tmp_path, payload(main=main), extra)
    assert done.returncode == 7
    printed = done.stdout.partition(b"token ")[2]
    assert printed == b"[hidden][hidden]\nkey [hidden]\n[hidden]\n[hidden]\n\n\xff[hidden]\nabc"


def test_a_secret_is_hidden_in_what_a_program_makes_of_it(tmp_path: Path) -> None:
    main = (
        "import base64, json, os, urllib.parse\n"
        "secret = os.environ['API_TOKEN']\n"
        "for before in ('', 'u', 'us', 'use'):\n"
        "    print(base64.b64encode((before + secret + ' end').encode()).decode())\n"
        "    print(base64.urlsafe_b64encode((before + secret).encode()).decode())\n"
        "print(json.dumps([secret]), [secret], [secret.encode()], urllib.parse.quote(secret, ''))\n"
        "raise ValueError(secret)"
    )
    secret = 'pa~ss"wör\\d/+?'
    done = run_bytes(tmp_path, payload(main=main), {"API_TOKEN": secret, "JOB_SECRETS": '["API_TOKEN"]'})
    assert done.stdout.count(b"[hidden]") >= 13
    for form in (
        secret,
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
        repr(secret.encode())[2:-1],
        "cGF-c3M",
        "cGF+c3M",
    ):
        assert form.encode() not in done.stdout


@pytest.mark.parametrize(("number", "code"), [("SIGTERM", 5), ("SIGKILL", 137)])
def test_with_secrets_too_a_signal_reaches_the_entrypoint_and_its_end_is_told(
    tmp_path: Path, number: str, code: int
) -> None:
    main = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
        f"os.kill(os.getppid() if '{number}' == 'SIGTERM' else os.getpid(), signal.{number})\n"
        "signal.pause()"
    )
    assert run(tmp_path, payload(main=main), API_TOKEN="correct-horse", JOB_SECRETS='["API_TOKEN"]').returncode == code


@pytest.mark.parametrize(
    ("content", "extra", "text"),
    [
        (payload(main=""), {"PAYLOAD_FILE": ""}, "PAYLOAD_FILE is not set"),
        (payload(main=""), {"PAYLOAD_ENTRYPOINT": "other.py"}, "the payload has no file 'other.py'"),
        (payload(main="", **{"..__..__evil": ""}), {}, "lies outside its folder"),
        ("[]", {}, "is no payload"),
        ('{"main.py": "?"}', {}, "is no payload"),
        (payload(main=""), {"PAYLOAD_PACKAGES": "numpy"}, "PAYLOAD_PACKAGES is no JSON list"),
        (payload(main=""), {"SNOWFLAKE_TOKEN_FILE_PATH": "/nowhere"}, "no way to log in"),
    ],
)
def test_misuse_is_said_in_one_line_and_ends_with_2(
    tmp_path: Path, content: str, extra: dict[str, str], text: str
) -> None:
    done = run(tmp_path, content, **extra)
    assert done.returncode == 2
    assert text in done.stdout.splitlines()[-1]
    assert "Traceback" not in done.stdout + done.stderr


def test_a_package_that_pip_cannot_find_fails_the_job_before_it_runs(tmp_path: Path) -> None:
    done = run(tmp_path, payload(main="print(1)"), PAYLOAD_PACKAGES=json.dumps([str(tmp_path / "absent.whl")]))
    assert done.returncode == 1
    assert "1" not in done.stdout.splitlines()


def test_a_stage_that_refuses_is_a_failure(tmp_path: Path) -> None:
    done = run(tmp_path, payload(main=""), PAYLOAD_FILE='@"DB"."SC"."JOBS"/absent.json')
    assert done.returncode == 1
    assert "absent.json" in done.stdout


def test_the_image_is_the_settings_default() -> None:
    parser = DockerfileParser(path=str(IMAGE))
    title, version = (parser.labels[f"org.opencontainers.image.{name}"] for name in ("title", "version"))
    assert Settings().runtime_image == f"{title}:{version}"
    assert sorted(p.name for p in IMAGE.glob("*.py")) == [
        "job_run.py",
        "job_session.py",
        "main.py",
        "masking.py",
        "verdicts.py",
    ]
