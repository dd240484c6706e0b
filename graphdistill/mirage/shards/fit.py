r"""Logistic regression on tree counts, fitted by passes over shards.

.. math:: \min_w \tfrac12 \|w\|^2 + C \sum_i c_i \log(1 + e^{-y_i w^\top x_i}), \qquad x_{it} = \log(1 + n_t(G_i))

as of :class:`~graphdistill.core.trees.tree_counts.TreeCountRegression`. It is first fitted to a sample of molecules,
whose curvature then preconditions L-BFGS (Liu and Nocedal, 1989) on all of them; ten passes or so are enough.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg

from graphdistill.core.parallel import Map
from graphdistill.core.splitmix64 import word
from graphdistill.mirage.shards.features import Counted
from graphdistill.mirage.shards.minimise import minimise
from graphdistill.mirage.shards.parts import Arrays
from graphdistill.mirage.shards.sums import LOG_COUNT, LOSS_POINT, POINT, curvature_sums, logistic_sums, margins

Array = np.ndarray[Any, Any]

SAMPLE = 65_536
"""Molecules of the sample; more change the number of passes little."""
HEAD = 2048
"""Most frequent trees whose curvature is taken together; that of the others is their diagonal."""


@dataclass(frozen=True)
class Pass:
    """What a pass over a shard needs.

    Attributes:
        counted: the shards.
        columns: labels of each binary problem: the class that counts as 1, or the column of a task.
        tasks: whether the columns are tasks, not classes.
        weight: weight of the labels 0 and 1 in each problem, ``[C, 2]``.
        coef: coefficients, the intercept last, ``[C, K + 1]``.
        modulus: a molecule of the sample is one whose hash is 0 modulo this. (default: 1, all)
    """

    counted: Counted
    columns: tuple[int, ...]
    tasks: bool
    weight: Array
    coef: Array
    modulus: int = 1


def labels_of(arrays: Arrays, run: Pass) -> Array:
    """Labels of the training molecules in each problem, 0 or 1, NaN elsewhere, ``[C, G]``."""
    y = np.stack([arrays["y"][:, c] if run.tasks else 1.0 * (arrays["y"][:, 0] == c) for c in run.columns])
    y[:, arrays["split"] != 0] = np.nan
    return y


def shard_sums(run: Pass, shard: int) -> tuple[list[int], Array]:
    """Loss and gradient of a shard in fixed point, ``[C]`` and ``[C, K + 1]``."""
    arrays = run.counted.part(shard)
    return _sums(arrays, labels_of(arrays, run), run)


def _sums(arrays: Arrays, y: Array, run: Pass) -> tuple[list[int], Array]:
    gradient = np.zeros(run.coef.shape, np.int64)
    rows = arrays["ptr"], arrays["column"], arrays["count"]
    loss = [
        int(logistic_sums(*rows, y[c], run.weight[c], run.coef[c], LOG_COUNT, gradient[c]))
        for c in range(len(run.columns))
    ]
    return loss, gradient


def shard_sample(run: Pass, shard: int) -> Arrays:
    """The training molecules of a shard in the sample, as compressed sparse rows with ``y``."""
    arrays = run.counted.part(shard)
    draw = (arrays["place"].astype(np.uint64) * np.uint64(word(11) & (2**64 - 1))) >> np.uint64(32)
    rows = np.flatnonzero((draw % np.uint64(run.modulus) == 0) & (arrays["split"] == 0))
    sizes = np.diff(arrays["ptr"])[rows]
    index = np.repeat(arrays["ptr"][rows] - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
    return {
        "ptr": np.concatenate([[0], np.cumsum(sizes)]),
        "column": arrays["column"][index],
        "count": arrays["count"][index],
        "y": labels_of(arrays, run)[:, rows],
    }


def fit(
    counted: Counted,
    run_map: Map,
    *,
    columns: tuple[int, ...],
    tasks: bool,
    totals: Array,
    balanced: bool,
    strength: float = 0.1,
    note: Callable[[str], object] = lambda text: None,
) -> Array:
    """Coefficients of each binary problem, the intercept last, double ``[C, K + 1]``.

    Args:
        counted: the shards and the counted trees.
        run_map: calls a function for every shard.
        columns: as of :class:`Pass`.
        tasks: as of :class:`Pass`.
        totals: training molecules with the labels 0 and 1 in each problem, ``[C, 2]``.
        balanced: weigh both labels alike.
        strength: inverse regularization C. (default: 0.1, as of ``TreeCountRegression``)
        note: is called with the state after each pass. (default: nothing is)
    """
    shards = range(counted.work.shards)
    supports = counted.supports
    size = len(supports)
    weight = np.ones((len(columns), 2))
    if balanced:
        weight = totals.sum(axis=1, keepdims=True) / (2 * np.maximum(totals, 1))
    known = int(totals.sum(axis=1).max())
    modulus = max(1, known // SAMPLE)
    start = np.zeros((len(columns), size + 1))
    sample = _joined(list(run_map(shard_sample, Pass(counted, columns, tasks, weight, start, modulus), shards)))
    head = np.argsort(-supports, kind="stable")[:HEAD]

    def problem(share: float, sums: Callable[[Pass], tuple[list[int], Array]]) -> Callable[[Array], Any]:
        def evaluate(coef: Array) -> tuple[Array, Array]:
            loss, gradient = sums(Pass(counted, columns, tasks, weight, coef))
            values = strength * share * np.array(loss) / 2.0**LOSS_POINT + 0.5 * (coef**2).sum(axis=1)
            return values, strength * share * gradient / 2.0**POINT + coef

        return evaluate

    def on_sample(run: Pass) -> tuple[list[int], Array]:
        return _sums(sample, sample["y"], run)

    def on_shards(run: Pass) -> tuple[list[int], Array]:
        loss, gradient = [0] * len(columns), np.zeros(start.shape, np.int64)
        for more, part in run_map(shard_sums, run, shards):
            loss = [a + b for a, b in zip(loss, more, strict=True)]
            gradient += part
        return loss, gradient

    share = known / max(1, int((~np.isnan(sample["y"])).sum(axis=1).max()))
    coef = start
    for _ in range(2):
        conditioner = _conditioner(sample, coef, weight, strength * share, head, size)
        coef = minimise(problem(share, on_sample), coef, conditioner, note=lambda text: None)
    conditioner = _conditioner(sample, coef, weight, strength * share, head, size)
    return coef if modulus == 1 else minimise(problem(1.0, on_shards), coef, conditioner, note=note)


def _joined(parts: list[Arrays]) -> Arrays:
    sizes = np.concatenate([np.diff(part["ptr"]) for part in parts])
    return {
        "ptr": np.concatenate([[0], np.cumsum(sizes)]),
        **{name: np.concatenate([part[name] for part in parts]) for name in ("column", "count")},
        "y": np.concatenate([part["y"] for part in parts], axis=1),
    }


def _conditioner(
    sample: Arrays, coef: Array, weight: Array, scale: float, head: Array, size: int
) -> Callable[[Array], Array]:
    """The inverse of the curvature of the sample at ``coef``, in each problem, as a function of ``[C, K + 1]``."""
    place = np.full(size, -1)
    place[head] = np.arange(len(head))
    solvers = []
    for c in range(len(coef)):
        margin = np.zeros(len(sample["ptr"]) - 1)
        rows = sample["ptr"], sample["column"], sample["count"]
        margins(*rows, coef[c], LOG_COUNT, margin)
        p = 1 / (1 + np.exp(-np.clip(margin, -50, 50)))
        y = sample["y"][c]
        known = ~np.isnan(y)
        curvature = np.where(known, np.where(y > 0.5, weight[c, 1], weight[c, 0]) * p * (1 - p), 0.0) * scale
        dense, rest = np.zeros((len(head) + 1, len(head) + 1)), np.zeros(size)
        curvature_sums(*rows, curvature, place, LOG_COUNT, dense, rest)
        dense[np.diag_indices(len(dense))] += 1
        solvers.append((scipy.linalg.cho_factor(dense, lower=True, overwrite_a=True), 1 + rest))

    def apply(gradient: Array) -> Array:
        out = np.empty_like(gradient)
        for c, (factor, rest) in enumerate(solvers):
            out[c, :-1] = gradient[c, :-1] / rest
            both = scipy.linalg.cho_solve(factor, np.append(gradient[c, head], gradient[c, -1]))
            out[c, head], out[c, -1] = both[:-1], both[-1]
        return out

    return apply
