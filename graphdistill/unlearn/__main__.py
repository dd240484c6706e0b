"""``python -m graphdistill.unlearn``: unlearn training entries of a model, and compare with a retrained one."""

from __future__ import annotations

import sys

from graphdistill.core.command import cli
from graphdistill.unlearn.config import Command
from graphdistill.unlearn.methods import FAMILY


def main(command: Command) -> None:
    """Run the command."""
    command.run("graphdistill.unlearn.command", "graphdistill.unlearn.forget")


if __name__ == "__main__":
    sys.exit(
        cli.run(
            main,
            Command,
            prog="python -m graphdistill.unlearn",
            description="Train a model, unlearn some of its training entries, and compare with a model retrained "
            "without them.",
            family=FAMILY,
        )
    )
