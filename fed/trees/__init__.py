"""Federated regression on counts of computation trees."""
