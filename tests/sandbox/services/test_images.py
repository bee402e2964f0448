"""Images: Dockerfile to command line, reference to image, and the layout that a container sees."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from snowflake_sandbox.services import images
from snowflake_sandbox.services.images import ImageError, Reference, parse_reference

if TYPE_CHECKING:
    from pathlib import Path

DOCKERFILE = """
FROM python:3.11-slim
LABEL org.opencontainers.image.title="my_job_image" org.opencontainers.image.version="1.2"
ENV MODE=batch PYTHONUNBUFFERED=1
WORKDIR /app
RUN pip install snowflake-connector-python
COPY main.py ./
COPY --chown=1:1 data/ data
ENTRYPOINT ["python3", "/app/main.py"]
CMD ["--default"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "images" / "my_job"
    (source / "data").mkdir(parents=True)
    (source / "Dockerfile").write_text(DOCKERFILE)
    (source / "main.py").write_text("print('hello')\n")
    (source / "data" / "x.txt").write_text("x")
    return source


def load(folder: Path) -> images.Image:
    (found,) = images.load([folder.parent])
    return found


def test_a_dockerfile_is_read(folder: Path) -> None:
    image = load(folder)
    assert (image.name, image.tags, image.workdir) == ("my_job_image", ("latest", "1.2"), "/app")
    assert image.entrypoint == ("python3", "/app/main.py")
    assert image.env == {"MODE": "batch", "PYTHONUNBUFFERED": "1"}


def test_the_layout_and_the_command_line(folder: Path, tmp_path: Path) -> None:
    image, root = load(folder), tmp_path / "root"
    assert images.lay_out(image, root) == root / "app"
    assert (root / "app" / "main.py").is_file()
    assert (root / "app" / "data" / "x.txt").is_file()
    main = str(root / "app" / "main.py")
    assert images.command_line(image, root, (), None, "PY") == ["PY", main, "--default"]
    assert images.command_line(image, root, (), ("--a",), "PY") == ["PY", main, "--a"]
    assert images.command_line(image, root, ("sh", "-c"), ("ls",), "PY") == ["sh", "-c", "ls"]
    assert images.command_line(image, root, ("/usr/local/bin/python3",), None, "PY") == ["PY"]


def test_the_digest_follows_the_content(folder: Path) -> None:
    first = load(folder).digest
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_text("cache")
    assert load(folder).digest == first
    (folder / "main.py").write_text("print('other')\n")
    assert load(folder).digest != first


def test_without_label_the_folder_names_the_image_and_shell_forms_work(folder: Path, tmp_path: Path) -> None:
    (folder / "Dockerfile").write_text("FROM x\nCMD echo one\nENTRYPOINT exec echo $HOME\n")
    image = load(folder)
    assert (image.name, image.tags) == ("my_job", ("latest",))
    assert images.command_line(image, tmp_path, (), None, "PY") == ["/bin/sh", "-c", "exec echo $HOME"]


def test_an_image_with_nothing_to_execute(folder: Path, tmp_path: Path) -> None:
    (folder / "Dockerfile").write_text("FROM x\n")
    with pytest.raises(ImageError, match="neither ENTRYPOINT nor CMD"):
        images.command_line(load(folder), tmp_path, (), None, "PY")


def test_a_copy_of_a_missing_file_is_said(folder: Path, tmp_path: Path) -> None:
    (folder / "main.py").unlink()
    with pytest.raises(ImageError, match=r"copies 'main\.py', which is not in the folder"):
        images.lay_out(load(folder), tmp_path / "root")


SECRET = "of the administrator"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file of the sandbox, two folders above an image's."""
    file = tmp_path / "credentials.json"
    file.write_text(SECRET)
    return file


@pytest.mark.parametrize(
    "lines",
    [
        "COPY ../../credentials.json x",
        "COPY ../../cred*.json x/",
        "COPY {outside} x",
        "COPY ../.. x",
        "COPY data/../../../credentials.json x",
        "COPY link x",
        "COPY up/credentials.json x",
        "COPY up x",
        "COPY up/ x/",
    ],
)
def test_an_image_has_nothing_from_outside_its_folder(folder: Path, tmp_path: Path, outside: Path, lines: str) -> None:
    (folder / "link").symlink_to(outside)
    (folder / "up").symlink_to("../..")
    (folder / "Dockerfile").write_text(f"FROM x\nWORKDIR /app\n{lines.format(outside=outside)}\n")
    with suppress(ImageError):
        images.lay_out(load(folder), tmp_path / "root")
    # A link may stay: the container does not see what it leads to.
    files = [path for path in (tmp_path / "root").rglob("*") if path.is_file() and not path.is_symlink()]
    assert SECRET not in {path.read_text() for path in files}


@pytest.mark.parametrize(
    "lines",
    [
        "COPY main.py /../../credentials.json",
        "COPY main.py ../../../credentials.json",
        "WORKDIR ../../..\nCOPY main.py credentials.json",
        "WORKDIR /../..\nCOPY main.py credentials.json",
        "COPY links /app\nCOPY main.py /app/up/credentials.json",
        "COPY links /app\nCOPY main.py /app/up/",
        "COPY links /app\nCOPY tree /app",
        "COPY links /app\nCOPY main.py /app/file",
        "COPY links /app\nWORKDIR /app/up/new",
    ],
)
def test_an_image_lays_nothing_outside_its_container(folder: Path, tmp_path: Path, outside: Path, lines: str) -> None:
    (folder / "links").mkdir()
    (folder / "links" / "up").symlink_to(tmp_path)
    (folder / "links" / "file").symlink_to(outside)
    (folder / "tree" / "up").mkdir(parents=True)
    (folder / "tree" / "up" / "credentials.json").write_text("stolen")
    (folder / "Dockerfile").write_text(f"FROM x\n{lines}\n")
    before = {path for path in tmp_path.iterdir() if path.name != "root"}
    with suppress(ImageError):
        images.lay_out(load(folder), tmp_path / "root")
    assert {path for path in tmp_path.iterdir() if path.name != "root"} == before
    assert outside.read_text() == SECRET


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "/DB/Public/Images/my_job_image:latest",
            Reference(("db", "public", "images"), "my_job_image", "latest", None),
        ),
        ("org-acct.registry.snowflakecomputing.com/d/s/r/x", Reference(("d", "s", "r"), "x", "latest", None)),
        ("x:1.2", Reference(None, "x", "1.2", None)),
    ],
)
def test_references(text: str, expected: Reference) -> None:
    assert parse_reference(text) == expected


@pytest.mark.parametrize("text", ["", "a b", "/db/s/r/x:"])
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(ImageError):
        parse_reference(text)


def test_an_image_is_found_by_tag_or_digest(folder: Path) -> None:
    image = load(folder)
    for text in ("my_job_image", "my_job_image:1.2", f"my_job_image@{image.digest}"):
        assert images.find([image], parse_reference(f"/d/s/r/{text}")) is image
    for text in ("my_job_image:1.3", "other", f"my_job_image@sha256:{'0' * 64}"):
        assert images.find([image], parse_reference(text)) is None


@pytest.mark.parametrize(
    ("base", "run", "without"),
    [
        ("python:3.11-slim", 'pip install --no-cache-dir "snowflake-snowpark-python==1.56.0"', True),
        ("python:3.11", "python3 -m pip install snowflake-connector-python snowflake-snowpark-python", True),
        ("python:3.11-slim", 'pip install "snowflake-snowpark-python[pandas]==1.56.0"', False),
        ("python:3.11-slim", "pip install snowflake-snowpark-python scikit-learn", False),
        ("python:3.11-slim", "pip install -r requirements.txt", False),
        ("pytorch/pytorch:2", "pip install snowflake-snowpark-python", False),
    ],
)
def test_pandas_is_known_to_be_missing(folder: Path, base: str, run: str, *, without: bool) -> None:
    (folder / "Dockerfile").write_text(f"FROM {base}\nRUN {run}\n")
    assert load(folder).without_data_frames is without


def test_of_an_image_that_installs_nothing_nothing_is_known(folder: Path) -> None:
    (folder / "Dockerfile").write_text("FROM python:3.11-slim\n")
    assert not load(folder).without_data_frames
