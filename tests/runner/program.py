# ruff: noqa: T201  # what it prints is its log
"""The program of the containers in test_containers.py: behaves as its first argument says."""

import json
import os
import signal
import sys
from pathlib import Path

behaviour, *rest = sys.argv[1:]
match behaviour:
    case "exit":
        print("starting", flush=True)
        print("ValueError: first", flush=True)
        print("RuntimeError: last", flush=True)
        sys.exit(int(rest[0]))
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
        for _ in range(200):
            sys.stdout.buffer.write(line * 1024)
        print(json.dumps({"written": 200}))
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
        names = ("OUTPUTS_T_BIG", "JOB_ATTEMPT", "TASK_NAME", "DATA_INTERVAL_END", "SCHEDULED_AT")
        print(json.dumps({name: os.environ.get(name) for name in names}))
    case "meet":
        print("here", flush=True)
        Path(rest[0]).write_text("here")
        signal.pause()
    case "flaky":
        print("attempt", os.environ["JOB_ATTEMPT"])
        sys.exit(0 if os.environ["JOB_ATTEMPT"] == rest[0] else 1)
