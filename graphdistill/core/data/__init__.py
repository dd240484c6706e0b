"""Real data sets and their checks, feature encodings, and helper functions on tensors."""
