"""Faults at every durable write of the sandbox: the n-th fails, or the process is killed there, for every n.

A write that is killed may be torn, too: half of it is there. After each, nothing acknowledged may be lost, nothing
doubled or half, nothing stuck, no process or file left over: at once, where the process lives on, and after a start.

Knows how cases are carried out and counted. Must not know what a client does nor what must hold (`writes.scenario`).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MODES = ("fails", "killed", "torn")
# Threads finish in another order each time, so the last writes of one life may be more than another's.
MORE = 1.2
AT_ONCE = 2
_HERE = Path(__file__).parent
_ROOT = _HERE.parent.parent
_KINDS = ("lost", "doubled", "half", "stuck", "orphan", "other")


def compiler() -> str | None:
    """Return the C compiler of this machine."""
    return shutil.which(sysconfig.get_config_var("CC").split()[0]) or shutil.which("cc") or shutil.which("gcc")


class Lives:
    """A process that carries out one case after the other, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        library = folder / "faulty_io.so"
        source = _HERE / "writes" / "faulty_io.c"
        subprocess.run([compiler() or "cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
        command = [sys.executable, "-m", "tests.reliability.writes.zygote", str(folder / "lives")]
        (folder / "lives").mkdir()
        with (folder / "log").open("w") as log:
            self._process = subprocess.Popen(
                command,
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={"PATH": "/usr/bin:/bin", "LD_PRELOAD": str(library), "TMPDIR": str(folder)},
            )

    def case(self, mode: str, at: int) -> dict[str, Any]:
        """Carry out one case; returns what it counted, where it struck, and what did not hold."""
        assert self._process.stdin is not None  # both are pipes
        assert self._process.stdout is not None  # as above
        self._process.stdin.write(json.dumps({"mode": mode, "at": at}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of cases has ended: {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def run(seed: int, count: int) -> tuple[list[str], list[str]]:
    """Carry out all cases, or some `count` of them, evenly spread; returns figures and what did not hold.

    The next seed takes the cases beside those of the one before, so that all of them can be done one part at a time.
    """
    if compiler() is None:
        return ["durable writes: not tried, there is no C compiler (cc) on this machine"], []
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:  # noqa: S108  # memory
        lives = [Lives(Path(folder, str(number))) for number in range(AT_ONCE)]
        try:
            writes = int(lives[0].case("count", 0)["counted"] * MORE)
            cases = [(mode, at) for at in range(1, writes + 1) for mode in MODES]
            parts = -(-len(cases) // count)
            chosen = cases[(seed - 1) % parts :: parts]
            with ThreadPoolExecutor(AT_ONCE) as threads:
                shares = [threads.submit(_share, one, chosen[number::AT_ONCE]) for number, one in enumerate(lives)]
                answers = [answer for share in shares for answer in share.result()]
        finally:
            for one in lives:
                one.close()
    return list(_figures(answers, len(cases))), list(_failures(answers))


def _share(lives: Lives, cases: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    return [lives.case(mode, at) for mode, at in cases]


def _struck(answer: dict[str, Any]) -> bool:
    """Tell whether there was an n-th write."""
    return bool(answer["killed"] or answer["where"])


def _figures(answers: Sequence[dict[str, Any]], possible: int) -> Iterator[str]:
    yield f"durable writes: {len(answers)} of {possible} cases; seeds: none, the n-th write in its order"
    yield f"| Fault at the n-th write | Cases | Struck | {' | '.join(word.capitalize() for word in _KINDS)} |"
    yield f"| --- | {' | '.join(['---:'] * (len(_KINDS) + 2))} |"
    for mode in MODES:
        of_mode = [answer for answer in answers if answer["mode"] == mode]
        kinds = Counter(_kind(text) for answer in of_mode for text in answer["violations"])
        cells = [len(of_mode), sum(map(_struck, of_mode)), *(kinds[word] for word in _KINDS)]
        yield f"| {mode} | {' | '.join(map(str, cells))} |"
    refused = sum("refused" in answer for answer in answers)
    ended = sum("ended" in answer for answer in answers)
    yield f"{refused} starts were refused by name, {ended} processes ended loudly, after which the next start was good"


def _kind(violation: str) -> str:
    text = violation.removeprefix("after a start: ").removeprefix("afterwards: ")
    word = text.partition(":")[0]
    return word if word in _KINDS else "other"


def _failures(answers: Sequence[dict[str, Any]]) -> Iterator[str]:
    for answer in answers:
        for text in answer["violations"]:
            yield f"{answer['mode']} at write {answer['at']} ({answer['where'] or 'killed'}): {text}"
