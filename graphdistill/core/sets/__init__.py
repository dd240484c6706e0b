"""Synthetic sets, and how they and other artefacts are stored and read back."""
