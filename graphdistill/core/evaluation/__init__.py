"""The evaluation: what networks reach on real data after training on a set."""
