"""The Pulumi component JobGraph; each of its parts turns a piece of the plan into resources, and has no rules."""

from jobgraph.components.job_graph import JobGraph, JobGraphArgs

__all__ = ["JobGraph", "JobGraphArgs"]
