"""``python -m graphdistill.bench NAME``: run one bench, or some of its parts."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from graphdistill.bench import options
from graphdistill.core import cli, methods

BENCHES = {
    "condense": options.CondenseBench,
    "fed": options.FedBench,
    "mirage": options.MirageBench,
    "scatter": options.ScatterBench,
    "vqgraph": options.VQGraphBench,
}


def main(bench: Any) -> None:
    """Import the bench of these options, which takes seconds, and run it."""
    (name,) = (name for name, options in BENCHES.items() if isinstance(bench, options))
    importlib.import_module(f"graphdistill.bench.{name}").main(bench)


if __name__ == "__main__":
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in BENCHES:
        sys.stderr.write(
            f"python -m graphdistill.bench: error: NAME must be one of {', '.join(BENCHES)}, got {name!r}\n"
        )
        sys.exit(2)
    sys.exit(
        cli.run(
            main,
            BENCHES[name],
            prog=f"python -m graphdistill.bench {name}",
            description=methods.summary(Path(__file__).with_name(f"{name}.py")),
            argv=sys.argv[2:],
        )
    )
