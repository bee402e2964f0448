"""The Pulumi component JobGraph. Each part turns a piece of the plan into resources and contains no rules itself."""

from jobgraph.components.job_graph import JobGraph, JobGraphArgs

__all__ = ["JobGraph", "JobGraphArgs"]
