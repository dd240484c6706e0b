"""Figures of synthetic images, nodes, graphs and rows."""
