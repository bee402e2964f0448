"""jobgraph: graphs of containerized jobs on Snowflake, read from `jobconfig.yaml` and turned into a plan."""

from jobgraph.errors import ConfigErrors, UserError
from jobgraph.model import Config, Graph, Job
from jobgraph.ordering import ordered
from jobgraph.planning import Plan, Procedures, plan
from jobgraph.procedure_text import ENTRIES, joined, texts
from jobgraph.reading import read
from jobgraph.settings import Settings, read_settings

__all__ = [
    "ENTRIES",
    "Config",
    "ConfigErrors",
    "Graph",
    "Job",
    "Plan",
    "Procedures",
    "Settings",
    "UserError",
    "joined",
    "ordered",
    "plan",
    "read",
    "read_settings",
    "texts",
]
