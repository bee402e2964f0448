"""Gets `pulumi` and its plugins onto this machine, and tells what is there.

The `jobgraph` command uses these names; everything else is for `python -m jobgraph.toolchain` alone.
"""

from jobgraph.toolchain import errors
from jobgraph.toolchain.installed import environment, report
from jobgraph.toolchain.layout import SETUP
from jobgraph.toolchain.setup import set_up

__all__ = ["SETUP", "environment", "errors", "report", "set_up"]
