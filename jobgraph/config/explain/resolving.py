"""Writes a resolved job configuration: with overlays merged, defaults filled in and matrices expanded.

Must not know how a key is written (see `jobgraph.config.graph_values`), nor the layout of the text (see `printing`).
Reading the text yields the same graphs again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobgraph.config.explain.printing import printed
from jobgraph.config.graph_values import graph_in_file

if TYPE_CHECKING:
    from jobgraph.config.model import Config


def resolved(config: Config) -> str:
    """Return the text of an equivalent file without defaults, environments and matrices."""
    return printed(resolved_document(config))


def resolved_document(config: Config) -> dict[str, Any]:
    """Return the content of the resolved file as plain values."""
    return {"version": config.version, "graphs": {graph.key: graph_in_file(graph) for graph in config.graphs}}
