"""``python -m graphdistill.mirage``: distil a graph data set, train networks on the set, report scores."""

from __future__ import annotations

import importlib
import sys

from graphdistill.core.command import cli
from graphdistill.mirage.config import Command


def main(command: Command) -> None:
    """Run the command."""
    if command.in_shards:  # its engine starts the processes
        importlib.import_module("graphdistill.mirage.shards.command").main(command)
        return
    command.run("graphdistill.mirage.command", "graphdistill.core.evaluation.trees")


if __name__ == "__main__":
    sys.exit(
        cli.run(
            main,
            Command,
            prog="python -m graphdistill.mirage",
            description="Distil labelled graphs into few bytes and report scores of networks trained on them.",
        )
    )
