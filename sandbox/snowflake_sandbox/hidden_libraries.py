"""Libraries that the server's process does without, so that it starts sooner.

The connector loads them where they are installed, to offer data frames and stages in clouds; they take longer to load
than all the rest, and the server reads rows. Knows Python's import system alone.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class _NotInstalled(MetaPathFinder):
    """Lets libraries look as if they were not installed."""

    def __init__(self) -> None:
        self.names = {"pandas", "numpy", "boto3", "botocore"}

    def find_spec(self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """Nothing for every other module, which Python then looks for elsewhere.

        Raises:
            ModuleNotFoundError: it is one of the libraries.
        """
        if name in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


_FINDER = _NotInstalled()


def hide() -> None:
    """Hide the libraries from everything that this process loads from now on."""
    sys.meta_path.insert(0, _FINDER)


def need_numpy() -> None:
    """Let numpy be loaded: DuckDB has no functions in Python without it."""
    _FINDER.names.discard("numpy")
