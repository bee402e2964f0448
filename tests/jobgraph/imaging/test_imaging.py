"""Which image is built of which folder, what is sent for it, and where its digest is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jobgraph.errors import UsageError
from jobgraph.imaging import building, digests, sources
from jobgraph.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = f"sha256:{'a' * 64}"


def folder(root: Path, name: str, title: str = "", **files: str) -> Path:
    place = root / name
    place.mkdir(parents=True)
    label = f'LABEL org.opencontainers.image.title="{title}"\n' if title else ""
    (place / "Dockerfile").write_text(f"FROM scratch\n{label}")
    for file, content in files.items():
        (place / f"{file}.py").write_text(content)
    return place


def test_an_image_is_known_by_its_title_else_by_its_folder(tmp_path: Path) -> None:
    first = folder(tmp_path / "a", "job", "my_image", main="1")
    plain = folder(tmp_path / "b", "plain")
    folder(tmp_path / "b", "later", "my_image")
    assert sources.titles([tmp_path / "a", tmp_path / "b"]) == {"my_image": first, "plain": plain}


def test_what_has_no_folder_or_another_repository_or_a_digest_is_not_built(tmp_path: Path) -> None:
    folders = {"mine": folder(tmp_path, "mine")}
    references = ["mine:1", "other:1", "/db/schema/repo/mine:1", f"mine@{DIGEST}", "mine:1"]
    own, foreign = sources.sources(references, folders)
    assert [source.reference for source in own] == ["mine:1"]
    assert foreign == sorted(["other:1", "/db/schema/repo/mine:1", f"mine@{DIGEST}"])


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("my_job_image:2", "`push it` builds and pushes it."),
        ("my_jobimage:1", "There is no folder below images/ for it, so push it yourself, or correct the name; perhaps"),
        ("other:1", "There is no folder below images/ for it, so push it yourself, or correct the name."),
        (f"my_job_image@{DIGEST}", "`push it` builds no image that is named by its digest, so push it yourself"),
    ],
)
def test_how_a_missing_image_is_pushed_depends_on_its_folder(reference: str, sentence: str) -> None:
    text = sources.how_to_push(reference, "push it", ["my_job_image", "runtime"])
    assert text.startswith(sentence)
    assert ("perhaps you meant my_job_image." in text) == ("perhaps" in sentence)


def test_a_tag_moves_with_content_name_and_mode_and_with_nothing_else(tmp_path: Path) -> None:
    place = folder(tmp_path, "job", main="1")
    tag = sources.source("job:1", "job", place).tag
    (place / "__pycache__").mkdir()
    (place / "__pycache__" / "main.pyc").write_text("x")
    (place / "main.py").touch()
    assert sources.source("job:2", "job", place).tag == tag
    seen = {tag}
    (place / "main.py").chmod(0o755)
    seen.add(sources.source("job:1", "job", place).tag)
    (place / "main.py").write_text("2")
    seen.add(sources.source("job:1", "job", place).tag)
    (place / "main.py").rename(place / "other.py")
    seen.add(sources.source("job:1", "job", place).tag)
    assert len(seen) == 4


def test_the_build_inside_reads_the_context_from_a_stage_and_pushes_to_the_inner_registry(tmp_path: Path) -> None:
    source = sources.source("job:1", "my-job", folder(tmp_path, "job", main="1"))
    settings = Settings()
    statement = building.build_inside(settings, source, "POOL", "org-acc.registry.snowflakecomputing.com/d/s/r")
    assert statement.startswith('EXECUTE JOB SERVICE IN COMPUTE POOL "POOL" NAME = ')
    spec = json.loads(statement.split("$$")[1])["spec"]
    environment = spec["containers"][0]["env"]
    assert environment["IMAGE_REGISTRY_URL"] == "org-acc.registry-local.snowflakecomputing.com/d/s/r"
    assert environment["IMAGE_TAG"] == source.tag
    assert spec["volumes"][0]["stageConfig"]["name"] == building.stage_folder(settings, source)
    uploads = list(building.uploads(settings, source))
    assert len(uploads) == 2
    assert all(text.startswith("PUT 'file:///") for text in uploads)
    assert "MY_JOB" in building.job_name(source)


def test_an_engine_is_told_the_platform_of_snowflakes_nodes(tmp_path: Path) -> None:
    source = sources.source("job:1", "job", folder(tmp_path, "job"))
    words = building.build("podman", source, "host/d/s/r/job:tag")
    assert words[:4] == ["podman", "build", "--platform", "linux/amd64"]
    assert building.push("docker", "x") == ["docker", "push", "x"]
    assert json.loads(building.password("t", 5)) == {"token": "t", "expires_in": 5}


STACK = """\
# a comment
config:
  snowflake:user: ME
  jobgraph:settings:
    users: [A] # people
{digests}    retain: false
  other:key: 1
encryptionsalt: v1:x
"""


@pytest.mark.parametrize(
    "present",
    [
        "",
        "    image_digests: {}\n",
        '    image_digests: {"b:1": "old", "c:1": "kept"}\n',
        '    image_digests:\n      "b:1": old\n      "c:1": kept\n',
    ],
)
def test_a_digest_is_written_and_all_else_stays(present: str) -> None:
    text = STACK.format(digests=present)
    changed = digests.with_digests(text, {"a:1": DIGEST, "b:1": DIGEST}, "Pulumi.dev.yaml")
    before, after = yaml.safe_load(text), yaml.safe_load(changed)
    expected = {**(before["config"]["jobgraph:settings"].pop("image_digests", {})), "a:1": DIGEST, "b:1": DIGEST}
    assert after["config"]["jobgraph:settings"].pop("image_digests") == expected
    assert after == before
    assert "# a comment" in changed
    assert "# people" in changed
    assert digests.with_digests(changed, {"a:1": DIGEST}, "x") == changed


@pytest.mark.parametrize("text", ["", "config: {}", "config:\n  jobgraph:settings: {retain: false}\n", "- a"])
def test_a_file_of_another_form_is_left_to_its_owner(text: str) -> None:
    with pytest.raises(UsageError, match="image_digests"):
        digests.with_digests(text, {"a:1": DIGEST}, "Pulumi.dev.yaml")


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}:[a-z0-9.]{1,5}", fullmatch=True), st.just(DIGEST), min_size=1))
def test_any_number_of_digests_can_be_written_again_and_again(entries: dict[str, str]) -> None:
    text = STACK.format(digests="")
    for reference, digest in entries.items():
        text = digests.with_digests(text, {reference: digest}, "x")
    assert yaml.safe_load(text)["config"]["jobgraph:settings"]["image_digests"] == entries
