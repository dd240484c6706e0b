"""``python -m graphdistill.vqgraph``: distil a graph network into an MLP, report its accuracy and cost."""

from __future__ import annotations

import sys

from graphdistill.core.command import cli
from graphdistill.vqgraph.config import Command


def main(command: Command) -> None:
    """Run the command."""
    command.run("graphdistill.vqgraph.command", "graphdistill.vqgraph.evaluate")


if __name__ == "__main__":
    sys.exit(
        cli.run(
            main,
            Command,
            prog="python -m graphdistill.vqgraph",
            description="Distil a graph network into an MLP with a codebook of structures, and report its accuracy.",
        )
    )
