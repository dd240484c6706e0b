"""Computation trees: exact ids, dictionaries, forests of counted trees, and their bytes."""
