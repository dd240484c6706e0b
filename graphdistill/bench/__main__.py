"""``python -m graphdistill.bench NAME``: run one bench, or some of its parts."""

from __future__ import annotations

import sys

from graphdistill.bench import condense, fed, mirage, scatter, vqgraph
from graphdistill.core import cli

BENCHES = {"condense": condense, "fed": fed, "mirage": mirage, "scatter": scatter, "vqgraph": vqgraph}

if __name__ == "__main__":
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in BENCHES:
        sys.stderr.write(
            f"python -m graphdistill.bench: error: NAME must be one of {', '.join(BENCHES)}, got {name!r}\n"
        )
        sys.exit(2)
    bench = BENCHES[name]
    sys.exit(
        cli.run(
            bench.main,
            bench.Bench,
            prog=f"python -m graphdistill.bench {name}",
            description=(bench.__doc__ or "").partition("\n")[0],
            argv=sys.argv[2:],
        )
    )
