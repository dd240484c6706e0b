"""``python -m graphdistill.vqgraph``: distil a graph network into an MLP, report its accuracy and cost."""

from __future__ import annotations

import sys

from graphdistill.core.command import cli
from graphdistill.core.parallel import default_jobs, start
from graphdistill.vqgraph.config import Command


def main(command: Command) -> None:
    """Import the command's module, which takes seconds, and run it."""
    start(command.jobs or default_jobs(), "graphdistill.vqgraph.evaluate")
    from graphdistill.vqgraph import command as work

    work.main(command)


if __name__ == "__main__":
    sys.exit(
        cli.run(
            main,
            Command,
            prog="python -m graphdistill.vqgraph",
            description="Distil a graph network into an MLP with a codebook of structures, and report its accuracy.",
        )
    )
