"""An image's tag names one content for ever: a stack that pushed it under this tag would go on running the former one.

`contents.yaml` has what each tag was given to. Change an image's folder, raise the version in its Dockerfile, then let
UPDATE_GOLDENS=1 add the new tag. It never rewrites one that is there; a tag that was not released yet may be taken out
of the file by hand.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml

from jobgraph.imaging.sources import context, source

ROOT = Path(__file__).resolve().parents[2]
CONTENTS = Path(__file__).with_name("contents.yaml")
IMAGES = {"my_job_image": ROOT / "images" / "my_job", "job_runtime": ROOT / "images" / "runtime"}
VERSION = re.compile(r"org\.opencontainers\.image\.version=\"([\w.-]+)\"")
# what names the images for people or programs; the changelog and the tests of other tags speak of others
NAMING = ("README.md", "jobconfig.yaml", "docs/*.md", "images/*/*", "jobgraph/settings.py", "jobgraph/images.py")


def tag(folder: Path) -> str:
    match = VERSION.search((folder / "Dockerfile").read_text())
    assert match is not None
    return match[1]


def problem(name: str, folder: Path, contents: dict[str, dict[str, str]]) -> str:
    """What is wrong with an image's tag; nothing if it still names the content that it was given to."""
    recorded = contents.get(name, {}).get(tag(folder))
    if recorded is None:
        return f"{name}:{tag(folder)} is new: run this test with UPDATE_GOLDENS=1"
    if recorded != source("", name, folder).tag:
        return f"{folder.name} changed, and is still {name}:{tag(folder)}: raise the version in its Dockerfile"
    return ""


@pytest.mark.parametrize("name", IMAGES)
def test_content_and_tag_move_together(name: str) -> None:
    contents = yaml.safe_load(CONTENTS.read_text())
    if os.environ.get("UPDATE_GOLDENS") == "1" and tag(IMAGES[name]) not in contents.setdefault(name, {}):
        contents[name][tag(IMAGES[name])] = source("", name, IMAGES[name]).tag
        CONTENTS.write_text(yaml.safe_dump(contents, sort_keys=False))
    assert problem(name, IMAGES[name], contents) == ""


def test_a_changed_file_and_a_new_one_are_told(tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text('LABEL org.opencontainers.image.version="1.0"\n')
    contents = {"x": {"1.0": source("", "x", tmp_path).tag}}
    assert problem("x", tmp_path, contents) == ""
    (tmp_path / "main.py").write_text("1\n")
    assert "raise the version" in problem("x", tmp_path, contents)
    dockerfile.write_text('LABEL org.opencontainers.image.version="1.1"\n')
    assert "x:1.1 is new" in problem("x", tmp_path, contents)


@pytest.mark.parametrize("name", IMAGES)
def test_whoever_names_an_image_names_its_present_tag(name: str) -> None:
    named = {
        (str(path.relative_to(ROOT)), match)
        for pattern in NAMING
        for path in ROOT.glob(pattern)
        if path.is_file() and path.suffix != ".pyc"
        for match in re.findall(rf"\b{name}:(\d+\.\d+\.\d+|\d+\.\d+(?!\.\d)|\d+\b(?!\.\d))", path.read_text())
        # the reference gives examples of versions, and the upgrade tells of former ones
        if path.name not in {"reference.md", "upgrading.md"}
    }
    assert {version for _, version in named} == {tag(IMAGES[name])}, named


def test_an_image_has_all_that_its_dockerfile_copies() -> None:
    for folder in IMAGES.values():
        copied = re.findall(r"^COPY (.+) \./$", (folder / "Dockerfile").read_text(), re.MULTILINE)
        programs = {file for file in context(folder) if file.endswith(".py")}
        assert set(copied[0].split()) == programs
