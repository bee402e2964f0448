"""Pictures of graphs: Mermaid, terminal text and SVG."""
