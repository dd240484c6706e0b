"""Benchmarks: ``python -m graphdistill.bench NAME``."""
