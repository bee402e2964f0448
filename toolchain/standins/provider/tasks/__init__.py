"""Task resources: their properties, the order of changes in a graph, and the `getTasks` invoke."""
