"""Libraries that the server's process does not load, so that it starts sooner.

The connector loads them if they are installed, to support data frames and stages in clouds. They take longer to load
than everything else, and the server needs neither. Knows only Python's import system.
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
    """Makes libraries appear not to be installed."""

    def __init__(self) -> None:
        self.names = {"pandas", "numpy", "boto3", "botocore"}

    def find_spec(self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """Return nothing for any other module, for which Python then continues to search.

        Raises:
            ModuleNotFoundError: if it is one of the hidden libraries.
        """
        if name in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


_FINDER = _NotInstalled()


def hide() -> None:
    """Hide the libraries from all imports of this process from now on."""
    sys.meta_path.insert(0, _FINDER)


def need_numpy() -> None:
    """Allow numpy to be loaded: DuckDB needs it for functions written in Python."""
    _FINDER.names.discard("numpy")
