"""Federated learning on virtual data, with Flower: ``python -m fed`` or ``flwr run .``."""
