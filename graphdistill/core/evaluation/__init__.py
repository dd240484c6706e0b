"""Evaluation of sets: the score on real data of networks that are trained on a set."""
