"""Results of a command: a folder that appears complete or not at all, and the table that is printed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import rich.console
from rich.table import Table

from graphdistill.core.command.base import BaseCommand
from graphdistill.core.command.output import publish
from graphdistill.core.command.page import write_page
from graphdistill.core.command.report import Report, peak_memory, versions, write_report
from graphdistill.core.command.tracking import track_report
from graphdistill.core.device import describe_device
from graphdistill.core.methods import MethodConfig, options_of

PAGE = "report.html"


def deliver(command: BaseCommand, report: Report, shown: Table, write: Callable[[Path], object]) -> None:
    """Write all results into the command's output folder, log them, and print the table unless the command is quiet.

    Args:
        command: the command.
        report: the report.
        shown: its table.
        write: writes what was distilled, and the figures, into a folder.

    Raises:
        OSError: the folder cannot be written; it is as before, then.
    """
    with publish(command.output) as draft:
        write(draft)
        write_results(report, shown, draft)
        names = [path.name for path in draft.iterdir()]
    track_report(command.track, command.output, report)
    if not command.quiet:
        show(shown, command.output, names)


def write_results(report: Report, shown: Table, folder: Path) -> None:
    """Write results.json, results.csv and report.html, which contains the figures in the folder."""
    write_report(report, folder)
    write_page(report, shown, folder)


def show(shown: Table, folder: Path, names: Iterable[str], console: rich.console.Console | None = None) -> None:
    """Print a table, and the names of the files that were written to a folder."""
    console = console or rich.console.Console()
    console.print(shown)
    listed = sorted(names, key=lambda name: (name != PAGE, name))
    console.print(f"written to {folder}: {', '.join(listed)}")


def facts_of(command: BaseCommand) -> dict[str, object]:
    """Facts that every report has: the options, the device, the peak memory and the versions.

    A method is written by name, with its own options.
    """
    method = getattr(command, "method", None)
    own = {"method": method.name, "options": options_of(method)} if isinstance(method, MethodConfig) else {}
    return {
        "command": {**asdict(command), **own},
        "device": describe_device(command.torch_device),
        "peak_memory": peak_memory(),
        "versions": versions(),
    }
