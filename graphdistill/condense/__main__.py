"""``python -m graphdistill.condense``: condense images, nodes, graphs or rows, train on them, report."""

from __future__ import annotations

import sys

from graphdistill.condense.config import Command
from graphdistill.condense.methods import FAMILY
from graphdistill.core.command import cli


def main(command: Command) -> None:
    """Run the command."""
    command.run("graphdistill.condense.command", "graphdistill.condense.distill")


if __name__ == "__main__":
    sys.exit(
        cli.run(
            main,
            Command,
            prog="python -m graphdistill.condense",
            description="Condense labelled images, nodes, graphs or rows, train networks on the few, and report.",
            family=FAMILY,
        )
    )
