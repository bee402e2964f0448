"""What the program says when Snowflake cannot be asked for the tasks that are there."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pulumi
import pytest

from jobgraph.components import present
from jobgraph.deploy.plugins import Plugin
from jobgraph.settings import Settings
from tests.components.recorded import Echo, record
from tests.jobgraph.inspection.test_findings import DIGEST, planned

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REFUSED = "1 error occurred: open snowflake connection: Post http://127.0.0.1:1: dial tcp: connect: connection refused"


PARENT = cast("pulumi.Resource", None)  # only handed on to the provider's function


def failing(monkeypatch: pytest.MonkeyPatch, text: str, *, dry: bool) -> None:
    """Let the provider's function fail with this text, in a preview or in an update."""

    def fails(_place: Any, _options: Any) -> Any:
        raise Exception(text)  # noqa: TRY002  # what a failed invoke raises

    monkeypatch.setattr(present, "_listed", fails)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: dry)


def test_an_update_without_a_server_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, REFUSED, dry=False)
    with pytest.raises(pulumi.RunError) as raised:
        present.tasks_present(Settings(), [], PARENT)
    assert "127.0.0.1" in str(raised.value)
    assert "jobgraph sandbox start" in str(raised.value)


def test_another_error_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "insufficient privileges", dry=False)
    with pytest.raises(pulumi.RunError) as raised:
        present.tasks_present(Settings(), [], PARENT)
    assert str(raised.value) == "insufficient privileges"


def test_a_preview_without_a_server_warns_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, REFUSED, dry=True)
    warned: list[str] = []
    monkeypatch.setattr(pulumi, "warn", warned.append)
    assert present.tasks_present(Settings(), [], PARENT) == present.Present(None)
    assert "jobgraph sandbox start" in warned[0]


def test_before_the_first_deploy_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "Schema 'D.S' does not exist or not authorized.", dry=False)
    monkeypatch.setattr(present, "_plugin", lambda _options: Plugin.OFFICIAL)
    nothing = present.Present([], has_schema=False, plugin=Plugin.OFFICIAL)
    assert present.tasks_present(Settings(), [], PARENT) == nothing


@pytest.mark.parametrize("noted", [None, "official", "stand-in"])
def test_a_stack_that_another_plugin_deployed_last_is_warned_and_notes_the_one_in_use(
    monkeypatch: pytest.MonkeyPatch, noted: str | None
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(pulumi, "warn", lambda text, *_resource: warned.append(text))
    monkeypatch.setattr(Echo, "plugin", noted)
    recorder = record()  # its answers are those of the official plugin
    assert recorder.outputs["JobGraph jobgraph"]["plugin"] == "official"
    assert ["last deployed with the stand-in plugin" in text for text in warned] == [True] * (noted == "stand-in")


def test_a_preview_that_could_not_ask_keeps_what_was_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, REFUSED, dry=True)
    monkeypatch.setattr(Echo, "plugin", "stand-in")
    assert record().outputs["JobGraph jobgraph"]["plugin"] == "stand-in"


class Known:
    """An output whose value is known at once."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def apply(self, function: Callable[[Any], Any]) -> Known:
        return Known(function(self.value))


def test_a_missing_image_is_pushed_by_the_command_only_where_it_has_a_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(pulumi, "warn", lambda text, *_resource: warned.append(text))
    monkeypatch.setattr(pulumi, "get_stack", lambda: "dev")
    monkeypatch.setattr(present, "read_again", lambda *_: Known(SimpleNamespace(query_results=[])))
    monkeypatch.chdir(tmp_path)
    scope = cast("Any", SimpleNamespace(named=str, owner=None))
    by_tag = planned()
    by_digest = replace(by_tag, settings=replace(by_tag.settings, image_digests=(("my_image:1", DIGEST),)))
    repository_id = cast("pulumi.Output[str]", Known("id"))

    present.warn_of_missing_images(by_tag, repository_id, scope)
    folder = tmp_path / "images" / "my_image"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_bytes(b"FROM scratch # \xff\n")
    present.warn_of_missing_images(by_tag, repository_id, scope)
    present.warn_of_missing_images(by_digest, repository_id, scope)

    without, *others = warned
    assert (
        "image /d/s/images/my_image:1 is not in the repository, so ONE will fail with image_pull. There is" in without
    )
    assert "no folder below images/ for it, so push it yourself, or correct the name" in without
    assert "jobgraph image push" not in without
    assert len(others) == 2
    assert all("`jobgraph image push one --environment dev` builds and pushes it." in text for text in others)
