"""``python -m graphdistill.condense``: condense images, nodes or graphs, train on them, report."""

from __future__ import annotations

import sys

from graphdistill.condense.config import Command
from graphdistill.condense.methods import FAMILY
from graphdistill.core.command import cli
from graphdistill.core.parallel import default_jobs, start


def main(command: Command) -> None:
    """Import the modules that do the work, which takes seconds, and run the command."""
    start(command.jobs or default_jobs(), "graphdistill.condense.distill")
    from graphdistill.condense import command as work

    work.main(command)


if __name__ == "__main__":
    sys.exit(
        cli.run(
            main,
            Command,
            prog="python -m graphdistill.condense",
            description="Condense labelled images, nodes or graphs into a few, train networks on them, and report.",
            family=FAMILY,
        )
    )
