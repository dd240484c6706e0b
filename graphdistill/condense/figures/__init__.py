"""Figures of synthetic images, nodes and graphs."""
