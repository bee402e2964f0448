"""Leaves out libraries that another library loads if they are installed.

The connector loads pandas and numpy, which take longer to load than itself, to offer results as data frames. The
command and the stand-in of the plugin are processes of their own, and read rows.
"""

import sys

DATA_FRAMES = ("pandas", "numpy")


def leave_out(names: tuple[str, ...] = DATA_FRAMES) -> None:
    """Make these libraries look as if they were not installed, in the whole process: only its main module may do it."""
    for name in names:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None: Python's own mark for "not to be found"
