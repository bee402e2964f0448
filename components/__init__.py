"""Pulumi components, one per part of a deployment: each turns a piece of the plan into resources, without rules."""

from components.access import AccessArgs, AccessComponent
from components.compute import ComputeArgs, ComputeComponent
from components.history import HistoryArgs, HistoryComponent
from components.present import tasks_present
from components.removal_guard import guard_removal
from components.runner import RunnerArgs, RunnerComponent
from components.storage import StorageArgs, StorageComponent
from components.task_graph import TaskGraphArgs, TaskGraphComponent, task_graphs

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
