"""What people are told when Snowflake refuses a step: the privilege that the deploying role lacks.

Knows the engine's hooks. Must not know which privilege a resource needs (jobgraph.deploy.refusals).
"""

from __future__ import annotations

import pulumi

from jobgraph.deploy.refusals import lacking


def tell_what_is_lacking(arguments: pulumi.ErrorHookArgs, role: str) -> bool:
    """Name the privilege for want of which a step was refused, if that is why it failed; never has it tried again."""
    inputs = arguments.new_inputs or arguments.old_inputs or {}
    text = lacking(arguments.type, inputs, arguments.errors, role)
    if text is not None:
        pulumi.warn(text)
    return False
