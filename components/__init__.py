"""Pulumi components, one per part of a deployment: each turns a piece of the plan into resources, without rules."""

from jobgraph.components.access import AccessArgs, AccessComponent
from jobgraph.components.compute import ComputeArgs, ComputeComponent
from jobgraph.components.history import HistoryArgs, HistoryComponent
from jobgraph.components.present import tasks_present
from jobgraph.components.removal_guard import guard_removal
from jobgraph.components.runner import RunnerArgs, RunnerComponent
from jobgraph.components.storage import StorageArgs, StorageComponent
from jobgraph.components.task_graph import TaskGraphArgs, TaskGraphComponent, task_graphs

__all__ = [
    "AccessArgs",
    "AccessComponent",
    "ComputeArgs",
    "ComputeComponent",
    "HistoryArgs",
    "HistoryComponent",
    "RunnerArgs",
    "RunnerComponent",
    "StorageArgs",
    "StorageComponent",
    "TaskGraphArgs",
    "TaskGraphComponent",
    "guard_removal",
    "task_graphs",
    "tasks_present",
]
