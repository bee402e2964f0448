"""Gets `pulumi` and its plugins onto this machine, and tells what is there.

The project uses `environment`, `report` and the errors; everything else is for `python -m toolchain` alone.
"""

from toolchain import errors
from toolchain.installed import environment, report

__all__ = ["environment", "errors", "report"]
