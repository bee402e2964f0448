# ruff: noqa: T201  # what it prints is its log
"""The program of the containers in test_containers.py: behaves as its first argument says."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any


def connected() -> Any:
    """Return a connection as the service's owner."""
    import snowflake.connector  # noqa: PLC0415  # it takes a second, and few behaviours need it

    names = ("account", "host", "port", "protocol", "database", "schema")
    given = {name: os.environ[f"SNOWFLAKE_{name.upper()}"] for name in names}
    token = Path(os.environ["SNOWFLAKE_TOKEN_FILE_PATH"]).read_text()
    tag = {"QUERY_TAG": os.environ["JOB_QUERY_TAG"]}
    return snowflake.connector.connect(**given, authenticator="oauth", token=token, session_parameters=tag)


behaviour, *rest = sys.argv[1:]
match behaviour:
    case "exit":
        print("starting", flush=True)
        print("ValueError: first", flush=True)
        print("RuntimeError: last", flush=True)
        sys.exit(int(rest[0]))
    case "night":
        # two attempts fail; those of a retry of the graph do not
        if int(os.environ["JOB_ATTEMPT"]) <= 2:
            print('ValueError: "no" rows \U0001f6a8 \\ $$ here', flush=True)
            sys.exit(3)
    case "memory":
        taken = bytearray(300 << 20)
        signal.pause()
    case "hang":
        print("waiting", flush=True)
        signal.pause()
    case "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("not listening", flush=True)
        while True:
            signal.pause()
    case "big":
        line = b"x" * 1023 + b"\n"
        for _ in range(40):
            sys.stdout.buffer.write(line * 1024)
        print(json.dumps({"written": 40}))
    case "bytes":
        sys.stdout.buffer.write(b"\xff\xfe caf\xc3\xa9 \x1b[31mred\x00\n")
    case "secret":
        print("using", os.environ["DB_PASSWORD"], "and", "Bearer " + "a1B2c3D4" * 4)
    case "replica":
        print("index", os.environ["SNOWFLAKE_JOB_INDEX"], flush=True)
        if os.environ["SNOWFLAKE_JOB_INDEX"] == "1":
            sys.exit(4)
        signal.pause()
    case "arguments":
        print(json.dumps({"arguments": rest, "text": os.environ["HOSTILE"]}))
    case "environment":
        names = ("OUTPUTS_T_BIG", "JOB_ATTEMPT", "TASK_NAME", "DATA_INTERVAL_END", "SCHEDULED_AT", "RUN_CONFIG")
        print(json.dumps({name: os.environ.get(name) for name in names}))
    case "say":
        print(json.dumps({name: os.environ.get(name) for name in rest}))
    case "meet":
        print("here", os.environ.get("DB_PASSWORD", ""), flush=True)
        Path(rest[0]).write_text("here")
        signal.pause()
    case "lost" if os.environ["JOB_ATTEMPT"] == "1":
        print("here", flush=True)
        Path(rest[0]).write_text("here")
        signal.pause()
    case "lost":
        print("again")
    case "leave":
        place = os.environ["JOB_RESULTS_STAGE_PATH"]
        Path("outputs.json").write_text(json.dumps({"rows": 3}))
        Path("large.csv").write_text("x" * 100_000)
        with connected() as connection:
            for name in ("outputs.json", "large.csv"):
                connection.cursor().execute(f"PUT 'file://{Path(name).resolve()}' {place} AUTO_COMPRESS = FALSE")
        print(json.dumps({"rows": 3, "from": "log"}))
    case "take":
        place = os.environ["RESULTS_STAGE_PATH_T_LEAVES"]
        with connected() as connection:
            connection.cursor().execute(f"GET {place}large.csv 'file://{Path.cwd()}'")
        outputs = json.loads(os.environ["OUTPUTS_T_LEAVES"])
        print(json.dumps({"bytes": Path("large.csv").stat().st_size, "outputs": outputs}))
    case "flaky":
        print("attempt", os.environ["JOB_ATTEMPT"])
        sys.exit(0 if os.environ["JOB_ATTEMPT"] == rest[0] else 1)
