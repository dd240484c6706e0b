"""``python -m graphdistill.bench NAME``: run one bench, or some of its parts."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphdistill.bench import options
from graphdistill.core import methods
from graphdistill.core.command import cli

HERE = Path(__file__).parent
BENCHES = {
    name.removesuffix("Bench").lower(): value
    for name, value in sorted(vars(options).items())
    if name.endswith("Bench") and value.__module__ == options.__name__
}
"""Options of each bench by its name."""


def main(bench: Any) -> None:
    """Import the bench of these options, which takes seconds, and run it."""
    (name,) = (name for name, options in BENCHES.items() if isinstance(bench, options))
    importlib.import_module(_module(name)).main(bench)


def run(argv: Sequence[str]) -> int:
    """Read the name of a bench, then its options; the exit code is that of ``cli.run``."""
    name, prog = argv[0] if argv else "", "python -m graphdistill.bench"
    if name not in BENCHES:
        if name in ("-h", "--help"):
            benches = "".join(f"\n  {bench:<10}{_summary(bench)}" for bench in BENCHES)
            sys.stdout.write(f"usage: {prog} NAME [OPTIONS]\n{benches}\n\n{prog} NAME --help lists the options.\n")
            return 0
        if name == "--version":
            return cli.version()
        sys.stderr.write(f"{prog}: error: NAME must be one of {', '.join(BENCHES)}, got {name!r}\n")
        return 2
    return cli.run(main, BENCHES[name], prog=f"{prog} {name}", description=_summary(name), argv=argv[1:])


def _module(name: str) -> str:
    """``graphdistill.bench.NAME``, or ``NAME.bench`` of another package of this project.

    Example:
        >>> _module("mirage"), _module("fed")
        ('graphdistill.bench.mirage', 'fed.bench')
    """
    here = (HERE / f"{name}.py").is_file() or (HERE / name).is_dir()
    return f"graphdistill.bench.{name}" if here else f"{name}.bench"


def _summary(name: str) -> str:
    path = HERE.parents[1].joinpath(*_module(name).split("."))
    return methods.summary(path / "__init__.py" if path.is_dir() else path.with_suffix(".py"))


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
