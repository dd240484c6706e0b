"""Nodes of one graph: teachers, neighbour sampling, held-out nodes, and targets that use the graph."""
