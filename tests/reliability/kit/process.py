"""A kit for a real account in a process of its own, forked from one that has loaded its libraries.

Knows how `python -m tests.account` is called. Must not know what becomes of it.
"""

from __future__ import annotations

import multiprocessing
import os
from typing import TYPE_CHECKING

from tests.account import __main__ as kit
from tests.account import scratch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.process import BaseProcess
    from pathlib import Path

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])


def start(cases: Sequence[str], variables: Mapping[str, str], folder: Path, forgets: str = "") -> BaseProcess:
    """Start a kit that asks these cases of the corpus, or all; its output and its report go to `folder`.

    forgets: a kind of objects that its cleaning leaves out, as a defect of it would.
    """
    words = ["--corpus-only", "--budget", "9", *(word for name in cases for word in ("--case", name))]
    process = _PROCESSES.Process(target=_be_a_kit, args=(words, dict(variables), folder, forgets))
    process.start()
    return process


def _be_a_kit(words: list[str], variables: dict[str, str], folder: Path, forgets: str) -> None:
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.environ.clear()
    os.environ.update(variables, HOME=str(folder))
    kit.FOLDER, kit.PLACE = folder, folder / "project"
    if forgets:
        del scratch._KINDS[forgets]
    kit.main(words)
