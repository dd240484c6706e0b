"""Molecules as graphs with OGB's features, from SMILES, many at once."""
