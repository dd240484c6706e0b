"""``python -m graphdistill.condense``: condense images, nodes or graphs, train on them, report."""

from __future__ import annotations

import sys

import rich.console
from rich.table import Table
from rich.text import Text

from graphdistill.condense import methods
from graphdistill.condense.config import Command
from graphdistill.core.command import cli
from graphdistill.core.parallel import default_jobs, start


def main(command: Command) -> None:
    """List the methods, or condense."""
    if command.method == "list":
        rich.console.Console().print(listed())
    else:
        start(command.jobs or default_jobs(), "graphdistill.condense.distill")
        from graphdistill.condense import command as work

        work.main(command)


def listed() -> Table:
    """All methods with the data they are for, a line and the paper each."""
    shown = Table(box=None, pad_edge=False)
    for column in ("method", "for", ""):
        shown.add_column(column, style="bold" if column == "method" else "", no_wrap=column == "method")
    for name in methods.names():
        line, paper = methods.about(name)
        shown.add_row(Text(name), Text("\n".join(methods.kinds(name))), Text(f"{line}\n{paper}"))
    return shown


if __name__ == "__main__":
    sys.exit(
        cli.run(
            main,
            Command,
            prog="python -m graphdistill.condense",
            description="Condense labelled images, nodes or graphs into a few and report what networks make of them.",
        )
    )
