"""Which plugin of the Snowflake provider serves a deploy, and what people are told when a stack changes it.

Pure. Knows by what the two are told apart. Must not know pulumi.
"""

from __future__ import annotations

from enum import StrEnum


class Plugin(StrEnum):
    """A plugin, in the words of `jobgraph doctor`. The state of a stack has the one that deployed it last."""

    OFFICIAL = "official"
    STAND_IN = "stand-in"


def answering(answer_id: str) -> Plugin:
    """Return the plugin that gave a function's answer that id: the stand-in's ids say so."""
    return Plugin.STAND_IN if Plugin.STAND_IN in answer_id else Plugin.OFFICIAL


def change(former: str | None, now: Plugin | None) -> str | None:
    """Return what to tell when another plugin deploys than last time; None if it is the same, or one is not known."""
    if former is None or now is None or former == now:
        return None
    return (
        f"This stack was last deployed with the {former} plugin of the Snowflake provider, and now the {now} one is"
        " used. Either reads the other's state, and nothing is replaced because of it. If the change was not meant:"
        " `jobgraph doctor` says where each part comes from, and with JOBGRAPH_SNOWFLAKE_PLUGIN=stand-in"
        " `jobgraph setup` takes the stand-in although the official one can be had."
    )
