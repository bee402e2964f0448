"""The `snow` command: connection, SQL, pools, repositories, services with their logs, objects, stages."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from steps import LOGIN, step

folder = Path(tempfile.mkdtemp())
fields = "\n".join(f"{name} = {value if name == 'port' else repr(value)}" for name, value in LOGIN.items())
place = 'database = "SN"\nschema = "PUBLIC"\nwarehouse = "WH"\n'
(folder / "config.toml").write_text(f'default_connection_name = "sb"\n[connections.sb]\n{fields}\n{place}')
(folder / "config.toml").chmod(0o600)
folder.chmod(0o700)
environment = {name: value for name, value in os.environ.items() if not name.startswith("SNOWFLAKE_")}
environment["SNOWFLAKE_HOME"] = str(folder)
SPEC = "spec:\n  containers:\n  - name: main\n    image: /sn/public/repo/hello:latest\n"


def snow(*words: str) -> str:
    program = str(Path(sys.executable).with_name("snow"))
    ended = subprocess.run(
        [program, *words], env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    if ended.returncode:
        raise RuntimeError(ended.stdout + ended.stderr)
    return ended.stdout


def followed() -> str:
    """The first line that `--follow` prints; it would go on until it is interrupted."""
    words = ["spcs", "service", "logs", "j1", "--container-name", "main", "--instance-id", "0", "--follow"]
    program = str(Path(sys.executable).with_name("snow"))
    with subprocess.Popen(
        [program, *words, "--follow-interval", "1"],
        env=environment | {"PYTHONUNBUFFERED": "1"},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        try:
            for line in running.stdout or ():
                if line.strip():
                    return line.strip()
        finally:
            running.terminate()
    return "nothing"


def says(text: str, *words: str) -> None:
    step(" ".join(words[:3]), lambda: text in snow(*words), expected=True)


(folder / "spec.yaml").write_text(SPEC)
(folder / "a.txt").write_text("hello\n")
(folder / "q.sql").write_text("select 41 + 1 as x;\n")
(folder / "many.sql").write_text("select 1 as a;\nselect 2 as b;\n")
says(
    "REPO",
    "sql",
    "-q",
    "create database sn; create warehouse wh; create stage st; create image repository repo;"
    " create compute pool cp min_nodes = 1 max_nodes = 1 instance_family = CPU_X64_XS; show image repositories",
)
says("OK", "connection", "test")  # of a connection with a database, which must be there
says("2", "sql", "-f", "many.sql")
says("7", "sql", "-q", "EXECUTE IMMEDIATE $$ BEGIN RETURN 7; END; $$")
says("CP", "spcs", "compute-pool", "list")
says("CPU_X64_XS", "spcs", "compute-pool", "describe", "cp")
says("status", "spcs", "compute-pool", "status", "cp")
says("repo", "spcs", "image-repository", "url", "repo")
says("REPO", "spcs", "image-repository", "list")
says("J1", "spcs", "service", "execute-job", "j1", "--compute-pool", "cp", "--spec-path", "spec.yaml")
says("J1", "spcs", "service", "list")
says("hello", "spcs", "service", "logs", "j1", "--container-name", "main", "--instance-id", "0")
step("spcs service logs --follow", followed, expected="hello")
says("DONE", "spcs", "service", "describe", "j1")
says("J1", "spcs", "service", "list-instances", "j1")
says("main", "spcs", "service", "list-containers", "j1")
says("WH", "object", "list", "warehouse")
says("STAGE", "object", "describe", "stage", "st")
says("a.txt", "stage", "copy", "a.txt", "@st")
says("q.sql", "stage", "copy", "q.sql", "@st/sql")
says("a.txt", "stage", "list-files", "@st")
says("SUCCESS", "stage", "execute", "@st/sql/q.sql")
(folder / "many").mkdir()
(folder / "many" / "b.txt").write_text("b")
says("UPLOADED", "stage", "copy", "many/", "@st/many/", "--recursive")
says('"X": "hey"', "sql", "-q", "select '<% word %>' as x", "-D", "word=hey", "--format", "json")
says("hello", "spcs", "image-repository", "list-images", "repo")
says("successfully", "spcs", "compute-pool", "suspend", "cp")
says("a.txt", "stage", "remove", "@st", "a.txt")
says("dropped", "object", "drop", "stage", "st")
