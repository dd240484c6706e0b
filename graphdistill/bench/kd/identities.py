"""Exact identities of the losses, each with its largest deviation over random cases; nothing is trained."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib.util import find_spec

import torch
import torch.nn.functional as F
from rich.table import Table
from torch import Tensor

from graphdistill.bench.kd._tables import console
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.randomness import generator
from graphdistill.kd.features import SquareHead, mutual_information
from graphdistill.kd.losses import DKD, JSD, KD, ClippedKL, EnhancedTarget, ReverseKL, SinkhornKD
from graphdistill.kd.losses.sinkhorn import sinkhorn_plan
from graphdistill.kd.targets.class_relation import relation_weights
from graphdistill.kd.targets.interpolation import InterpolationSchedule, interpolated_cross_entropy

OPEN = (-math.inf, math.inf)
TOLERANCE = 1e-9
"""Largest deviation of an identity in double precision; equal sums in another order differ by less."""
BATCHES = 400
"""Batches of a mean of the mutual information."""


def measure(bench: Bench) -> None:
    """Deviations in double precision: largest over all seeds."""
    largest: dict[str, float] = {}
    for seed in bench.seed_range:
        for name, deviation in _identities(seed):
            largest[name] = max(largest.get(name, -math.inf), deviation)
    table = Table(title=f"identities, {bench.seeds} seeds", title_justify="left")
    for column in ("", "largest deviation", f"at most {TOLERANCE:.0e}"):
        table.add_column(column, justify="left" if not column else "right")
    for name, deviation in largest.items():
        table.add_row(name, f"{deviation:.1e}", "yes" if deviation <= TOLERANCE else "NO")
    console.print(table)


def _identities(seed: int) -> Iterator[tuple[str, float]]:
    draws = generator(seed, "identities")
    s, t = 5 * torch.randn(2, 64, 7, generator=draws, dtype=torch.float64)
    y = torch.randint(7, (64,), generator=draws)
    soft = F.cross_entropy(s, t.softmax(1), reduction="none")
    yield "OFA at epsilon 1 is cross-entropy with soft targets", _gap(EnhancedTarget(1.0)(s, t, y), soft)
    yield "DAC-KL with an open gate is KD", _gap(ClippedKL(gate=OPEN, temperature=3.0)(s, t, y), KD(3.0)(s, t))
    rest = 1 - t.softmax(1).gather(1, y[:, None])[:, 0]
    both = DKD(1.0, 0.0)(s, t, y) + rest * DKD(0.0, 1.0)(s, t, y)
    yield "DKD's parts with weights 1 and 1 - p are KD", _gap(both, KD()(s, t))
    yield "JSD at beta 1/2 is symmetric", _gap(JSD()(s, t), JSD()(t, s))
    yield "reverse KL is KD with exchanged logits", _gap(ReverseKL(3.0)(s, t), KD(3.0)(t, s))
    schedule, done = InterpolationSchedule(alpha=0.0), torch.linspace(0, 1, 11, dtype=torch.float64)
    shares = [schedule.update(schedule.begin(), 1.0, part).t for part in done.tolist()]
    yield "TAID's share without adaptation is linear", _gap(done.new_tensor(shares), 0.4 + 0.6 * done)
    blend = [(1 - share) * s + share * t for share in shares]
    ours = torch.stack([interpolated_cross_entropy(s, t, share) for share in shares])
    theirs = torch.stack([F.cross_entropy(s, mixed.softmax(1), reduction="none") for mixed in blend])
    yield "TAID is cross-entropy to the softmax of the blend", _gap(ours, theirs)
    weights = relation_weights(s, 4)
    yield "Cr-KD's weights average to one", _gap(weights.mean(), torch.ones_like(weights[0]))
    yield from _sinkhorn(s, t)
    yield from _scale_free(draws)
    yield from _information(draws)


def _gap(left: Tensor, right: Tensor) -> float:
    return float((left - right).abs().max())


def _sinkhorn(s: Tensor, t: Tensor) -> Iterator[tuple[str, float]]:
    cost = (s.softmax(1)[:, None] - t.softmax(1)).abs().sum(-1)
    plan = sinkhorn_plan(cost)
    yield "columns of the Sinkhorn plan have equal mass", _gap(plan.sum(0), torch.full_like(plan[0], 1 / len(plan)))
    term = SinkhornKD(KD(), weight=1.0, temperature=1.0)(s, t) - KD()(s, t)
    yield "rows of the Sinkhorn term have the plan's cost as mean", _gap(term.mean(), (plan * cost).sum())
    if find_spec("ot") is None:
        console.print(
            "POT is not installed (pip install graphdistill\\[test]), so the plan is not compared with its own"
        )
        return
    import ot

    # POT scales columns before rows, so the transposed problem has our order.
    theirs = ot.sinkhorn([], [], cost.T.numpy().copy(), 0.1, numItermax=20, stopThr=0.0, warn=False).T
    yield "the Sinkhorn plan is that of POT", _gap(plan, torch.from_numpy(theirs.copy()))


def _scale_free(draws: torch.Generator) -> Iterator[tuple[str, float]]:
    student, teacher = torch.randn(2, 16, 5, 8, generator=draws, dtype=torch.float64)
    loss = SquareHead()
    scales = (1e-3, 0.5, 7.0, 1e4)
    yield (
        "SquareHead is scale-free",
        max(_gap(loss(c * student, c * teacher), loss(student, teacher)) for c in scales),
    )


def _information(draws: torch.Generator, k: int = 15) -> Iterator[tuple[str, float]]:
    """Excess of the estimate over its bounds, beyond five standard errors of its mean; the best critic is known.

    The first expectation is at most log(K / alpha). The second is 1 at alpha 1, but falls to 0 below it where few pairs
    are probable, so the bound of the whole is larger by 1.
    """
    one, any_alpha, truth = (
        f"MI-alpha stays below {w}" for w in ("log K at 1", "1 + log(K / alpha)", "the information")
    )
    excess = dict.fromkeys((one, any_alpha, truth), -math.inf)
    for alpha in (0.0, 0.5, 0.9, 1.0):
        # Without alpha the samples' tail is too heavy for a mean at high correlation.
        for rho in (0.5, 0.9, 0.9999) if alpha else (0.5, 0.9):
            x, noise = torch.randn(2, BATCHES, k + 1, generator=draws, dtype=torch.float64)
            y = rho * x + math.sqrt(1 - rho**2) * noise
            # log p(y | x) - log p(y) of all pairs, with which q(y) = 1 is best.
            gap = (y[:, None] - rho * x[:, :, None]).square() / (1 - rho**2)
            scores = 0.5 * (y[:, None].square() - gap - math.log(1 - rho**2))
            means = torch.stack([mutual_information(f, torch.zeros(k + 1).double(), alpha).mean() for f in scores])
            mean = float(means.mean()) - 5 * float(means.std()) / math.sqrt(BATCHES)
            if alpha:
                excess[any_alpha] = max(excess[any_alpha], mean - math.log(k / alpha) - 1)
            if alpha == 1:
                excess[one] = max(excess[one], mean - math.log(k))
            excess[truth] = max(excess[truth], mean + 0.5 * math.log(1 - rho**2))
    yield from excess.items()
