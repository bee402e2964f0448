"""Which plugin of the Snowflake provider serves a deploy, and the warning when a stack changes it.

Pure. Knows how to distinguish the two plugins. Must not know pulumi.
"""

from __future__ import annotations

from enum import StrEnum


class Plugin(StrEnum):
    """A plugin, named as in `jobgraph doctor`. A stack's state records the one that deployed it last."""

    OFFICIAL = "official"
    STAND_IN = "stand-in"


def answering(answer_id: str) -> Plugin:
    """Return the plugin that answered a provider function, by the answer's id: the stand-in's ids name it."""
    return Plugin.STAND_IN if Plugin.STAND_IN in answer_id else Plugin.OFFICIAL


def change(former: str | None, now: Plugin | None) -> str | None:
    """Return the warning that the plugin has changed since the last deploy; None if not, or if either is unknown."""
    if former is None or now is None or former == now:
        return None
    return (
        f"This stack was last deployed with the {former} plugin of the Snowflake provider, and now the {now} one is"
        " used. Either reads the other's state, and nothing is replaced because of it. If the change was not meant:"
        " `jobgraph doctor` says where each part comes from, and with JOBGRAPH_SNOWFLAKE_PLUGIN=stand-in"
        " `jobgraph setup` takes the stand-in although the official one can be had."
    )
