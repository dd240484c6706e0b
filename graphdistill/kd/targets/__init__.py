"""Targets made of a teacher's logits: interpolated with the student's, calibrated, made private, related to classes."""
