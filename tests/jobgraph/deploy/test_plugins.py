"""A stack that changes its plugin is told."""

from __future__ import annotations

import pytest

from jobgraph.deploy.plugins import Plugin, answering, change
from jobgraph.toolchain.standins.provider.tasks.task_listing import ANSWER_ID


def test_the_stand_ins_answers_tell_it_from_the_official_plugin() -> None:
    assert answering(ANSWER_ID) is Plugin.STAND_IN
    assert answering("tasks_read") is Plugin.OFFICIAL


@pytest.mark.parametrize(("former", "now"), [("official", Plugin.STAND_IN), ("stand-in", Plugin.OFFICIAL)])
def test_a_change_of_plugin_is_told_either_way(former: str, now: Plugin) -> None:
    told = change(former, now)
    assert told is not None
    assert f"last deployed with the {former} plugin" in told
    assert f"now the {now} one" in told


@pytest.mark.parametrize(
    ("former", "now"), [(None, Plugin.OFFICIAL), ("official", None), ("official", Plugin.OFFICIAL)]
)
def test_nothing_is_told_where_nothing_changed_or_one_is_not_known(former: str | None, now: str | None) -> None:
    assert change(former, None if now is None else Plugin(now)) is None
