"""``python -m graphdistill.protect``: protect images by a private key, and report what networks still learn of them."""

from __future__ import annotations

import sys

from graphdistill.core.command import cli
from graphdistill.protect.config import Command
from graphdistill.protect.methods import FAMILY


def main(command: Command) -> None:
    """Run the command."""
    command.run("graphdistill.protect.command", "graphdistill.protect.evaluate")


if __name__ == "__main__":
    sys.exit(
        cli.run(
            main,
            Command,
            prog="python -m graphdistill.protect",
            description="Change the training images of a data set by a private key, so that networks trained on them "
            "do badly on other images, and measure how badly.",
            family=FAMILY,
        )
    )
