"""A job configuration written out: overlays merged, defaults filled in, matrices expanded, nothing left to look up.

Must not know how any key is said (see `jobgraph.config.graph_values`), nor how a text is laid out (see `printing`).
What is written reads as the same graphs again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobgraph.config.explain.printing import printed
from jobgraph.config.graph_values import graph_in_file

if TYPE_CHECKING:
    from jobgraph.config.model import Config


def resolved(config: Config) -> str:
    """Return the text of a file that says the same without defaults, environments and matrices."""
    return printed(resolved_document(config))


def resolved_document(config: Config) -> dict[str, Any]:
    """Return what the resolved file says, as plain values."""
    return {"version": config.version, "graphs": {graph.key: graph_in_file(graph) for graph in config.graphs}}
