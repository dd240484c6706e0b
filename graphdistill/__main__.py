"""``graphdistill`` and ``python -m graphdistill``: list every method with its paper, or run a command by its name."""

from __future__ import annotations

import difflib
import importlib
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

import rich.console
from rich.table import Table
from rich.text import Text

from graphdistill.core import methods
from graphdistill.core.command import cli
from graphdistill.core.command.streams import replace_unknown

COMMANDS = {
    "mirage": "graphdistill.mirage",
    "condense": "graphdistill.condense",
    "kd": "graphdistill.kd",
    "vqgraph": "graphdistill.vqgraph",
    "compress": "graphdistill.compress",
    "generate": "graphdistill.generate",
    "protect": "graphdistill.protect",
    "unlearn": "graphdistill.unlearn",
    "fed": "fed",
    "bench": "graphdistill.bench",
}
"""Package that each command runs."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``graphdistill COMMAND [OPTIONS]``, which is ``python -m`` of its package; without words list all methods.

    Args:
        argv: words of the command line (default: those that Python was started with).

    Returns:
        The exit code.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    replace_unknown()
    if not words or words[0] in ("-h", "--help", "list"):
        return listed()
    name, *more = words
    if name == "--version":
        return cli.version()
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        sys.stderr.write(f"graphdistill: error: {name!r} is no command.{hint} Choices: {', '.join(COMMANDS)}\n")
        return 2
    sys.argv = [sys.argv[0], *more]
    try:
        runpy.run_module(COMMANDS[name], run_name="__main__", alter_sys=True)
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def listed() -> int:
    """Print every method of every family with a line on it and its paper; the exit code is 0."""
    shown = Table(box=None, pad_edge=False)
    for column in ("command", "method", ""):
        shown.add_column(column, style="" if not column else "bold", no_wrap=bool(column))
    for command, package in COMMANDS.items():
        if command != "bench":
            _add(shown, command, Path(__file__).parents[1].joinpath(*package.split(".")), package)
    console = rich.console.Console()
    console.print(
        "usage: graphdistill COMMAND [OPTIONS], or python -m graphdistill.COMMAND; COMMAND --help", style="bold"
    )
    console.print(f"commands: {', '.join(COMMANDS)}\n", highlight=False)
    console.print(shown)
    return 0


def _add(shown: Table, command: str, folder: Path, package: str) -> None:
    if not (folder / "methods").is_dir():
        line, paper = methods.summary(folder / "__init__.py"), methods.constants(folder / "__init__.py")["PAPER"]
        shown.add_row(Text(command), Text(command), Text(f"{line}\n{paper}"))
        return
    family: methods.Family = importlib.import_module(f"{package}.methods").FAMILY
    for number, name in enumerate(family.names()):
        line, paper = family.about(name)
        shown.add_row(Text(command if not number else ""), Text(name), Text(f"{line}\n{paper}"))


if __name__ == "__main__":
    sys.exit(main())
