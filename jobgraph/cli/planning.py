"""The plan of a stack, for commands that need to know what a deploy will make.

Knows where the procedures' texts are. Must not know what is in a plan.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from jobgraph.cli import loading
from jobgraph.plan.planning import Procedures, plan
from jobgraph.plan.procedure_text import sources_in, texts

if TYPE_CHECKING:
    from jobgraph.cli.application import Application
    from jobgraph.plan.planning import Plan


def planned(application: Application, file: str | None, environment: str | None) -> Plan:
    """Return the plan of a configuration with the settings of a stack; without one, the usual settings.

    Raises:
        ConfigErrors: with everything that is wrong in the configuration.
        UsageError: if the file, or the stack's, cannot be used.
    """
    path = loading.file_of(application, file, environment)
    config, settings = loading.with_settings(application, path, environment)
    return plan(config, settings, Procedures(**texts(sources_in(files("jobgraph.procedures")))))
