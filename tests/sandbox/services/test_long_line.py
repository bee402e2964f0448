from __future__ import annotations

from typing import TYPE_CHECKING

from snowflake_sandbox.services import logs

from jobgraph.procedures.logs import PLATFORM_CUT, log_for_history

if TYPE_CHECKING:
    from pathlib import Path


def test_the_cut_of_a_line_of_five_megabytes_is_told_wherever_the_log_is_read(tmp_path: Path) -> None:
    writer = logs.LogWriter(tmp_path / "log")
    for _ in range(80):
        writer.write(b"x" * 65_536)
    writer.close()
    whole = logs.read(tmp_path / "log")
    assert f"{logs.dropped(tmp_path / 'log')} bytes of the log were dropped here" in whole
    assert log_for_history(logs.newest(tmp_path / "log", None, 100 * 1024), ()).startswith(PLATFORM_CUT)
