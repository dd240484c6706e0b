"""Self-distillation, a claim after the other."""

from __future__ import annotations

from graphdistill.bench.kd import _further_pretraining, _impossible_distillation, _sd_darts, _sla
from graphdistill.bench.options import KDBench as Bench

CLAIMS = (_sla, _further_pretraining, _impossible_distillation, _sd_darts)
"""Modules with a claim each."""


def measure(bench: Bench) -> None:
    """All claims."""
    for claim in CLAIMS:
        claim.measure(bench)
