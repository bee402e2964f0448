"""The Pulumi program: what jobconfig.yaml and the stack's settings describe, as one component."""

from jobgraph.components import JobGraph

JobGraph("jobgraph").export()
