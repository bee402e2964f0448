"""`make reliability`: generated cases in large numbers, with a seed to repeat them by.

Knows the list of parts; must not know what any of them claims.
"""

from __future__ import annotations

import argparse
import sys

from tests.reliability import (
    deploys,
    deploys_disturbed,
    deploys_killed,
    direct,
    durable_writes,
    metered,
    permissions,
    reading,
    runner,
)
from tests.reliability.backfills import killed as backfills_killed
from tests.reliability.backfills import model as backfills
from tests.reliability.finalizer import generated as finalizer
from tests.reliability.finalizer import killed as finalizer_killed
from tests.reliability.kit import cases as kit_cases
from tests.reliability.kit import killed as kit_killed
from tests.reliability.kit import stack as kit_stack
from tests.reliability.kit import stack_killed as kit_stack_killed
from tests.reliability.load import measuring as load

PARTS = {
    "reading": reading.run,
    "runner": runner.run,
    "backfills": backfills.run,
    "direct": direct.run,
    "finalizer": finalizer.run,
    "deploys": deploys.run,
    "metered": metered.run,
    "permissions": permissions.run,
    "kit": kit_cases.run,
    "load": load.run,
}
# Run only when named: they take minutes, or an hour and more.
LONG = {
    "backfills-killed": backfills_killed.run,
    "deploys-disturbed": deploys_disturbed.run,
    "deploys-killed": deploys_killed.run,
    "deploys-large": deploys.run_large,
    "deploys-put-back": deploys.run_put_back,
    "deploys-small": deploys.run_small,
    "durable-writes": durable_writes.run,
    "finalizer-killed": finalizer_killed.run,
    "kit-killed": kit_killed.run,
    "kit-stack": kit_stack.run,
    "kit-stack-killed": kit_stack_killed.run,
}
MOST_SHOWN = 5


def main() -> int:
    """Run what was asked for (default: all parts but the long ones) and print figures; 1 if a claim did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability")
    parser.add_argument("which", nargs="*", choices=[[], *PARTS, *LONG], default=[])
    parser.add_argument("--seed", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--count", type=int, default=12_000, help="generated cases, at least (default 12000)")
    chosen = parser.parse_args()
    failed = 0
    for which in chosen.which or PARTS:
        figures, failures = (PARTS | LONG)[which](chosen.seed, chosen.count)
        sys.stdout.writelines(f"{line}\n" for line in figures)
        sys.stderr.writelines(f"{failure}\n" for failure in failures[:MOST_SHOWN])
        failed += len(failures)
    return 1 if failed else 0


sys.exit(main())
