"""The Pulumi program: the job configuration and the stack's settings, planned and deployed.

Knows the order of the components. Must not know what any of them holds.
"""

from pathlib import Path

import pulumi

from jobgraph import components as c
from jobgraph.config.reading import read
from jobgraph.deploy import removal
from jobgraph.drawing import pictures
from jobgraph.errors import UserError
from jobgraph.plan import history
from jobgraph.plan.ordering import ordered
from jobgraph.plan.planning import Procedures, plan
from jobgraph.plan.procedure_text import texts
from jobgraph.settings import read_settings

CONFIG = pulumi.Config()
try:
    settings = read_settings(CONFIG.get_object("settings") or {}, f"Pulumi.{pulumi.get_stack()}.yaml")
    file, zone = CONFIG.get("file") or "jobconfig.yaml", settings.region_timezone
    config = ordered(read(file, settings.pool_families, pulumi.get_stack(), region_timezone=zone))
except UserError as error:
    raise pulumi.RunError(str(error)) from None
for warning in config.warnings:
    pulumi.warn(warning.text())
sources = {path.stem: path.read_text("utf-8") for path in Path(__file__).with_name("procedures").glob("*.py")}
planned = plan(config, settings, Procedures(**texts(sources)))
present = c.tasks_present(settings, planned.graphs)

access = c.AccessComponent("access", c.AccessArgs(settings))
compute = c.ComputeComponent("compute", c.ComputeArgs(settings, access))
storage = c.StorageComponent("storage", c.StorageArgs(settings, planned.configuration, planned.payloads, access))
past = c.HistoryComponent("history", c.HistoryArgs(settings, access, storage))
runner = c.RunnerComponent("runner", c.RunnerArgs(planned, access, compute, storage))
made = c.task_graphs(planned.graphs, settings, [access, compute, storage, past, runner], present)
c.guard_removal(planned.graphs, settings, made)

pulumi.export("graphs", [graph.key for graph in planned.graphs])
pulumi.export("roots", {graph.key: graph.root.full_name for graph in planned.graphs})
pulumi.export("pools", list(settings.pool_names))
pulumi.export("tables", [settings.qualified(table.name) for table in history.tables(settings)])
pulumi.export("to_drop_what_destroy_keeps", removal.drops(settings))
pulumi.export("mermaid", {graph.key: pictures.mermaid(graph) for graph in config.graphs})
