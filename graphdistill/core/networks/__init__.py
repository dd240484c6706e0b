"""Networks that are trained on real and synthetic data."""
