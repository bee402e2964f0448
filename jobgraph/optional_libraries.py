"""Keeps optional libraries from being loaded.

The connector loads pandas and numpy, if they are installed, to offer results as data frames. They take longer to load
than the connector itself. The command and the stand-in of the plugin run as separate processes and only read rows.
"""

import sys

DATA_FRAMES = ("pandas", "numpy")


def leave_out(names: tuple[str, ...] = DATA_FRAMES) -> None:
    """Make these libraries look uninstalled in the whole process. Only the main module of a process may call this."""
    for name in names:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None makes an import fail
