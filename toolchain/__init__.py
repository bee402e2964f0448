"""Installs `pulumi` and its plugins on this machine, and reports what is installed.

The `jobgraph` command uses these names; only `python -m jobgraph.toolchain` uses the rest.
"""

from jobgraph.toolchain import errors
from jobgraph.toolchain.installed import environment, report
from jobgraph.toolchain.layout import SETUP
from jobgraph.toolchain.setup import set_up

__all__ = ["SETUP", "environment", "errors", "report", "set_up"]
