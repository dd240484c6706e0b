"""Federated Mirage."""
