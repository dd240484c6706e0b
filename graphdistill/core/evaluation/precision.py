"""In how few bits a set is as good, and in which precision random data are best at equal bytes: both on validation."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from graphdistill.core.evaluation.protocol import SetProtocol, TrainingInput, selection_training
from graphdistill.core.parallel import parallel_map
from graphdistill.core.sets.quantized import FULL, Precision, precisions
from graphdistill.core.sets.synthetic import SyntheticSet

TRAININGS = 3
"""Trainings whose validation scores are compared: single ones differ by more than the tolerance."""


def valid_scores(protocol: SetProtocol[Any], synthetic: SyntheticSet) -> list[float]:
    """Validation scores of three networks, with seeds that are the same for every set and that no row uses.

    Each is trained for half the steps of a row, as by :func:`~graphdistill.core.evaluation.protocol.valid_score`, but
    from another seed: a learnt set was chosen for its score from that one, which bits would seem to cost.
    """
    draws = range(1, TRAININGS + 1)
    return [selection_training(protocol, synthetic, draw)[1].valid for draw in draws]


def in_fewest_bits(
    synthetic: SyntheticSet, validate: Callable[[SyntheticSet], Sequence[float]], tolerance: float = 0.005
) -> SyntheticSet:
    """A set in the fewest bytes whose score is within a tolerance of full precision's, or a standard error beyond it.

    The error is that of the mean difference of networks that are trained on both from the same seed. Precisions are
    bisected, for scores fall with them but for noise.

    Args:
        synthetic: the set; sets of graphs, and those that expand when they are loaded, are returned as they are.
        validate: scores of a set on validation, one for each network, larger is better; called for full precision and
            each try.
        tolerance: largest loss of score.

    Returns:
        The rounded set, or the set itself if every precision loses more; ``meta`` has ``bits`` and ``threshold`` of a
        rounded one, and as ``precision_checks`` the mean score in full precision, then those of each try with its bits
        and threshold.

    Raises:
        ValueError: the tolerance is negative.

    Example:
        >>> x = torch.tensor([[0.0, 0.29], [0.9, 1.0]])
        >>> rounded = in_fewest_bits(
        ...     SyntheticSet(x, torch.tensor([0, 1]), torch.ones(2)), lambda s: [-float((s.data - x).abs().max())], 0.05
        ... )
        >>> rounded.meta["bits"], rounded.data.tolist()
        (4, [[0.0, 0.25], [0.875, 1.0]])
    """
    if not tolerance >= 0:
        raise ValueError(f"tolerance must be 0 or more, got {tolerance}")
    tries = precisions(synthetic)[:-1]
    if not tries:
        return synthetic
    whole = validate(synthetic)
    checks: list[object] = [statistics.fmean(whole)]
    chosen = synthetic
    low, high = 0, len(tries)
    while low < high:
        middle = (low + high) // 2
        rounded = tries[middle].of(synthetic)
        scores = validate(rounded)
        checks.append([tries[middle].bits, tries[middle].threshold, statistics.fmean(scores)])
        lost = [before - after for before, after in zip(whole, scores, strict=True)]
        error = statistics.stdev(lost) / len(lost) ** 0.5 if len(lost) > 1 else 0.0
        if statistics.fmean(lost) <= tolerance + error + 1e-9:
            chosen, high = rounded, middle
        else:
            low = middle + 1
    return chosen.with_meta({**chosen.meta, "precision_checks": checks})


def in_same_bits(
    protocol: SetProtocol[Any], parts: Sequence[SyntheticSet | TrainingInput], tolerance: float
) -> list[SyntheticSet | TrainingInput]:
    """The sets of a row in the precision that :func:`in_fewest_bits` chooses for the first of them.

    Args:
        protocol: data and trainings.
        parts: the sets; training inputs are returned as they are.
        tolerance: largest loss of score.
    """
    sets = [part for part in parts if isinstance(part, SyntheticSet)]
    if not sets:
        return list(parts)
    chosen = Precision.from_meta(in_fewest_bits(sets[0], partial(valid_scores, protocol), tolerance))
    return [chosen.of(part) if isinstance(part, SyntheticSet) else part for part in parts]


def best_random_sets(
    protocol: SetProtocol[Any], budget: int, draws: int, first: Precision = FULL
) -> tuple[list[SyntheticSet], Precision]:
    """Random data of at most ``budget`` coded bytes, in the precision that is best on validation at these bytes.

    Fewer bits leave room for more entries. From ``first`` on, neighbouring precisions are tried as long as the mean
    validation score of all draws rises; full precision is tried in any case.

    Args:
        protocol: data and trainings.
        budget: bytes.
        draws: number of sets.
        first: precision that is tried first, such as that of the distilled set.

    Returns:
        One set per draw, as of :meth:`~graphdistill.core.evaluation.protocol.SetProtocol.random_sets`, and their
        precision.
    """
    choices = precisions(protocol.chosen(torch.arange(1)))
    made: dict[int, tuple[list[SyntheticSet], float]] = {}

    def score(place: int) -> float:
        if place not in made:
            sets = protocol.random_sets(budget, draws, choices[place])
            scores = parallel_map(_valid, protocol, sets, jobs=protocol.jobs) if len(choices) > 1 else [0.0]
            made[place] = sets, statistics.fmean(scores)
        return made[place][1]

    best = choices.index(first) if first in choices else len(choices) - 1
    for step in (-1, 1):
        while 0 <= best + step < len(choices) and score(best + step) > score(best):
            best += step
    best = max(best, len(choices) - 1, key=score)
    return made[best][0], choices[best]


def _valid(protocol: SetProtocol[Any], synthetic: SyntheticSet) -> float:
    return selection_training(protocol, synthetic)[1].valid
