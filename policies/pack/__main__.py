"""The rules as a Pulumi policy pack: `pulumi preview --policy-pack policies/pack`.

Knows Pulumi's policies. Must not know what a rule demands. It runs in its own environment (requirements.txt), because
`pulumi-policy` needs another version of protobuf than this project; so it imports only the rules.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pulumi_policy import (  # type: ignore[import-not-found]  # installed only in the pack's environment
    EnforcementLevel,
    PolicyPack,
    ResourceValidationPolicy,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from policies.rules import RULES, resource_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pulumi_policy import ReportViolation, ResourceValidationArgs

    from policies.rules import PlannedResource


def _check(
    check: Callable[[PlannedResource], Iterator[str]], arguments: ResourceValidationArgs, report: ReportViolation
) -> None:
    role = os.environ.get("SNOWFLAKE_ROLE", "")
    for text in check(resource_of(arguments.resource_type, arguments.name, arguments.props, role)):
        report(text)
    provider = arguments.provider
    if provider is not None:
        for text in check(resource_of(provider.resource_type, provider.name, provider.props, role)):
            report(f"{provider.name}: {text}")


PolicyPack(
    name="jobgraph",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        ResourceValidationPolicy(name=rule, description=str(check.__doc__), validate=partial(_check, check))
        for rule, check in RULES.items()
    ],
)
