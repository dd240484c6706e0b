"""Shared parts of all commands: arguments, progress, reports, output folders."""
