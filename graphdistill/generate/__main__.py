"""``python -m graphdistill.generate``: distil a diffusion model into a generator of one or a few steps, and report."""

from __future__ import annotations

import sys

from graphdistill.core.command import cli
from graphdistill.generate.config import Command
from graphdistill.generate.methods import FAMILY


def main(command: Command) -> None:
    """Run the command."""
    command.run("graphdistill.generate.command", "graphdistill.generate.evaluate")


if __name__ == "__main__":
    sys.exit(
        cli.run(
            main,
            Command,
            prog="python -m graphdistill.generate",
            description="Train a diffusion model on a data set, distil it into a generator of one or a few steps, and "
            "compare what both draw with real data.",
            family=FAMILY,
        )
    )
