"""Gets `pulumi` and its plugins onto this machine, and tells what is there.

The project uses `environment`, `report` and the errors; everything else is for `python -m jobgraph.toolchain` alone.
"""

from jobgraph.toolchain import errors
from jobgraph.toolchain.installed import environment, report

__all__ = ["environment", "errors", "report"]
