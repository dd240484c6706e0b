"""``python -m graphdistill.mirage``: distil a graph data set, train networks on the set, report scores."""

from __future__ import annotations

import sys

from graphdistill.core.command import cli
from graphdistill.core.parallel import default_jobs, start
from graphdistill.mirage.config import Command


def main(command: Command) -> None:
    """Import the command's module, which takes seconds, and run it."""
    start(command.jobs or default_jobs(), "graphdistill.core.evaluation.trees")
    from graphdistill.mirage import command as work

    work.main(command)


if __name__ == "__main__":
    sys.exit(
        cli.run(
            main,
            Command,
            prog="python -m graphdistill.mirage",
            description="Distil labelled graphs into counted computation trees and report scores of trained networks.",
        )
    )
