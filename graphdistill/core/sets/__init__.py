"""Synthetic sets, and the storage of sets and other artefacts."""
