"""One process that has imported the sandbox, and forks one life after the other: a case takes a second, not five.

Reads cases from standard input, one a line, and answers each with a line: what was counted, met and violated. Must be
started with the library of `faulty_io.c` preloaded.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import world
from snowflake_sandbox.data import data_errors
from snowflake_sandbox.data_folder.damage import DataFolderError

from tests.reliability.writes import scenario

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT, FAIL, KILL, TEAR = range(4)
MODES = {"count": COUNT, "fails": FAIL, "killed": KILL, "torn": TEAR}


def main() -> None:
    """Carry out the cases; the argument is a folder for all that they need."""
    top = Path(sys.argv[1])
    _in_a_child(lambda: scenario.prepare(top / "base", top / "images"))
    for line in sys.stdin:
        case = json.loads(line)
        sys.stdout.write(scenario.dumped(_case(top, case["mode"], case["at"])) + "\n")
        sys.stdout.flush()


def _case(top: Path, mode: str, at: int) -> dict[str, Any]:
    folder, mark = top / "case", f"mark-{os.getpid()}-{mode}-{at}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(top / "base", folder)
    first = _in_a_child(lambda: _first_life(folder, top / "images", (mode, at, mark)))
    second = _in_a_child(lambda: _second_life(folder, top / "images", first["steps"], mark))
    wrong = [*first["violations"], *(f"after a start: {text}" for text in second["violations"])]
    wrong += [f"afterwards: {text}" for text in scenario._left(mark)]
    return {"mode": mode, "at": at, **first, "violations": wrong}


def _first_life(folder: Path, images: Path, fault: tuple[str, int, str]) -> None:
    """Live with the fault; where the process survives it, look at what holds without a start, too."""
    mode, at, mark = fault
    library = ctypes.CDLL(None)
    library.faulty_io_where.restype = ctypes.c_char_p
    library.faulty_io_counted.restype = ctypes.c_long
    library.faulty_io_arm(str(folder).encode(), MODES[mode], ctypes.c_long(at))
    acknowledged: list[str] = []

    def note(step: str) -> None:
        acknowledged.append(step)
        _tell(step=step)

    def end(why: str) -> None:
        _tell(ended=why, counted=library.faulty_io_counted(), where=library.faulty_io_where().decode())
        os._exit(0)

    data_errors.at_the_end.tell = end
    life = scenario.Life(folder, images, note)
    try:
        life.begin()
    except (DataFolderError, OSError) as error:
        _tell(counted=library.faulty_io_counted(), where=library.faulty_io_where().decode(), refused=str(error))
        return
    life.go(mark)
    stopped = library.faulty_io_counted()
    library.faulty_io_disarm()
    stuck = [f"stuck: {text}" for text in life.wait()]
    wrong = stuck + scenario.violations(life, acknowledged, mark)
    _tell(jobs=scenario.states_of_jobs(life))
    _tell(counted=stopped, where=library.faulty_io_where().decode(), refusals=life.refusals, violations=wrong)
    world.stop(life.world)


def _second_life(folder: Path, images: Path, acknowledged: list[str], mark: str) -> None:
    life = scenario.Life(folder, images)
    life.begin()
    stuck = [f"stuck: {text}" for text in life.wait()]
    _tell(violations=stuck + scenario.violations(life, acknowledged, mark))
    world.stop(life.world)


_answer = -1


def _tell(**values: Any) -> None:
    os.write(_answer, (scenario.dumped(values) + "\n").encode())


def _in_a_child(action: Callable[[], None]) -> dict[str, Any]:
    """Run an action in a child of this process; returns what it told, and how it ended if not well."""
    global _answer  # each child has one pipe
    reading, _answer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(900)
            action()
            code = 0
        except BaseException as error:  # noqa: BLE001  # told, as a violation
            frames = traceback.format_exception(error)
            _tell(violations=[f"{type(error).__name__}: {error} {frames[-2].strip()[:300]}"])
        os._exit(code)
    os.close(_answer)
    with os.fdopen(reading) as answers:
        lines = [json.loads(line) for line in answers if line.endswith("\n")]
    _, status = os.waitpid(child, 0)
    result: dict[str, Any] = {"steps": [], "violations": [], "counted": None, "where": ""}
    for values in lines:
        step = values.pop("step", None)
        result["steps"] += [step] if step else []
        wrong = result["violations"] + values.pop("violations", [])
        result |= values | {"violations": wrong}
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL:
        result["violations"].append(f"stuck: ended by signal {os.WTERMSIG(status)}")
    result["killed"] = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    return result


if __name__ == "__main__":
    main()
