r"""DistillWeighted-like: several networks of other data are teachers, each with a weight by its relevance.

.. math:: L = \lambda \, \mathrm{CE}(y, z_s) + (1 - \lambda) \sum_j \alpha_j \,
    \mathrm{KL}\big(p_j \,\|\, \mathrm{softmax}(z_s)\big), \quad \alpha_j \propto \max(e_j, 0)^p

Relevance and sources are those of :mod:`~graphdistill.kd.methods.distill_nearest`.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphdistill.core.methods import Result
from graphdistill.kd.data.view import Kind
from graphdistill.kd.methods import distill_nearest
from graphdistill.kd.methods.distill_nearest import from_sources, relevant_sources
from graphdistill.kd.objective import Context, Objective
from graphdistill.kd.teachers.parc import task_weights

PAPER = "Borup et al., 2023, https://arxiv.org/abs/2304.12314"
RESULT = Result(
    paper="no checked number at hand",
    ours="digits, 3 labels a class: 85.64 ± 4.39 (all sources alike 83.18 ± 3.92, labels alone 77.54 ± 4.11)",
    command="python -m graphdistill.bench kd --parts teachers",
    differs="Power, weight of the labels and size of the probe are ours, as they could not be confirmed; a new layer "
    "also reads the source's logits, since the last layer of a graph network propagates.",
)
FOR: tuple[Kind, ...] = ("nodes", "graphs", "images")
FROM_SOURCES = True
"""The teachers are networks of other data sets."""


@dataclass(frozen=True, kw_only=True)
class Config(distill_nearest.Config):
    """Options of DistillWeighted."""

    power: float = 16.0
    """Power of the relevance in the weights: 0 gives equal weights, a high one those of the nearest source. PARC of
    sources that differ much in accuracy is as close as 0.42 and 0.37, so that a low power gives almost equal
    weights."""

    def __post_init__(self) -> None:
        distill_nearest.Config.__post_init__(self)
        if not 0 <= self.power < float("inf"):
            raise ValueError(f"--power must be 0 or more, got {self.power}")


def objective(context: Context, config: Config) -> Objective:
    """Cross-entropy on labels, and divergence from all sources by their weights."""
    sources, relevance = relevant_sources(context, config)
    return from_sources(context, config, sources, task_weights(relevance, config.power))
