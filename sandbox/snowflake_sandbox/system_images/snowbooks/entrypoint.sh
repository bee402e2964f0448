#!/bin/sh
# What the specification of clients before 1.9 names as its command.
exec python3 "$HOME/opt/run_payload.py" "$@"
