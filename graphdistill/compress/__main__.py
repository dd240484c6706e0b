"""``python -m graphdistill.compress``: compress a trained network, and report its coded bytes, accuracy and latency."""

from __future__ import annotations

import sys

from graphdistill.compress.config import Command
from graphdistill.compress.methods import FAMILY
from graphdistill.core.command import cli


def main(command: Command) -> None:
    """Run the command."""
    command.run("graphdistill.compress.command", "graphdistill.compress.distill")


if __name__ == "__main__":
    sys.exit(
        cli.run(
            main,
            Command,
            prog="python -m graphdistill.compress",
            description="Train a network, compress it, and compare accuracy, coded bytes and latency.",
            family=FAMILY,
        )
    )
