"""Lossless training: PyG models run, as they are, on a row per distinct computation tree instead of a row per node."""
