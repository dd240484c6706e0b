"""``python -m graphdistill.kd``: distil a teacher into a student, and report accuracy and cost."""

from __future__ import annotations

import sys

from graphdistill.core.command import cli
from graphdistill.kd.config import Command
from graphdistill.kd.methods import FAMILY


def main(command: Command) -> None:
    """Run the command."""
    command.run("graphdistill.kd.command", "graphdistill.kd.distill")


if __name__ == "__main__":
    sys.exit(
        cli.run(
            main,
            Command,
            prog="python -m graphdistill.kd",
            description="Train a teacher on nodes, graphs, images or text, distil it into a student, and report.",
            family=FAMILY,
        )
    )
