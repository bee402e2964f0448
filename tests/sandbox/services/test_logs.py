"""A container's log keeps its beginning and its end, whatever is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from snowflake_sandbox.services import logs
from snowflake_sandbox.services.logs import LogWriter

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, *pieces: bytes, part: int = 100) -> None:
    writer = LogWriter(path, part)
    for piece in pieces:
        writer.write(piece)
    writer.close()


def test_a_short_log_is_kept_whole(tmp_path: Path) -> None:
    write(tmp_path / "a.log", b"one\n", b"two\n")
    assert logs.read(tmp_path / "a.log") == "one\ntwo\n"


def test_a_long_log_keeps_head_and_tail_and_states_the_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    lines = [b"%09d\n" % number for number in range(1000)]
    write(path, *lines)
    text = logs.read(path)
    assert text.startswith("000000000\n")
    assert text.endswith("000000999\n")
    assert f"[… {logs.dropped(path)} bytes of the log were dropped here …]" in text
    kept = sum(part.stat().st_size for part in tmp_path.glob("a.log*") if part.suffix != ".cut")
    assert kept + logs.dropped(path) == 10_000
    assert kept <= 300


def test_newest_lines_and_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    write(path, *[b"%09d\n" % number for number in range(50)])
    assert logs.newest(path, 2, 1000) == "000000048\n000000049\n"
    assert logs.newest(path, None, 25) == "000000048\n000000049\n"
    assert logs.newest(path, 0, 1000) == ""
    assert logs.newest(tmp_path / "none.log", 5, 100) == ""


def test_the_end_of_a_line_longer_than_the_limit_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 500 + b"end\n")
    assert logs.newest(path, None, 10) == "xxxxxxend\n"


def test_a_log_goes_on_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    write(path, b"x" * 150)
    write(path, b"y" * 40)
    assert logs.read(path) == "x" * 150 + "y" * 40


@given(st.lists(st.binary(max_size=120), max_size=20))
def test_nothing_is_lost_below_three_parts(tmp_path_factory: object, pieces: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("log") / "a.log"  # type: ignore[attr-defined]  # pytest's factory has no public type
    write(path, *pieces, part=50)
    whole = b"".join(pieces)
    kept = b"".join(
        part.read_bytes() for part in (path, path.with_name("a.log.old"), path.with_name("a.log.new")) if part.exists()
    )
    assert len(kept) + logs.dropped(path) == len(whole)
    assert whole.startswith(path.read_bytes())
    assert whole.endswith(kept[len(path.read_bytes()) :])
