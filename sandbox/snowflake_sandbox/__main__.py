"""`python -m snowflake_sandbox serve`: the sandbox as a process in the foreground."""

from __future__ import annotations

import argparse
import logging
import sys
from datetime import timedelta
from pathlib import Path

from snowflake_sandbox import control, hidden_libraries


def main() -> int:
    """Read the arguments and serve until SIGTERM or SIGINT; return 2 for an error that the user must correct."""
    parser = argparse.ArgumentParser(
        prog="python -m snowflake_sandbox", description="A local Snowflake for development."
    )
    serve = parser.add_subparsers(dest="command", required=True).add_parser("serve", help="serve until interrupted")
    serve.add_argument("--data-folder", type=Path, required=True)
    serve.add_argument("--images", type=Path, action="append", default=[])
    serve.add_argument("--port", type=int, default=0, help="0: any free one")
    serve.add_argument(
        "--webhook-receiver", help="address on this machine to which webhooks are posted; without it they become files"
    )
    serve.add_argument("--node-start", type=float, default=0.0, help="seconds that a compute pool node takes to start")
    arguments = parser.parse_args()
    hidden_libraries.hide()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        if arguments.webhook_receiver is not None:
            control.refuse_elsewhere(arguments.webhook_receiver)
        control.serve(
            arguments.data_folder,
            tuple(arguments.images),
            arguments.port,
            webhook_receiver=arguments.webhook_receiver,
            node_start=timedelta(seconds=arguments.node_start),
        )
    except control.SandboxError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
