r"""Sums over molecules that do not depend on their order: terms are rounded to a fixed point and added as integers.

.. math:: \sum_i \mathrm{round}(2^s a_i) \; 2^{-s}

Sums of integers are exact, so any number of shards and any order of processes give the same bits, which sums of floats
do not. With :math:`s = 30` a term is exact to :math:`5 \cdot 10^{-10}`, and sums up to :math:`8 \cdot 10^9` fit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphdistill.core.compiled import compiled

Array = np.ndarray[Any, Any]

POINT = 30
"""Binary digits after the point of a term."""
LOSS_POINT = 24
"""Those of a molecule's loss."""

LOG_COUNT = np.log1p(np.arange(65536.0))
r""":math:`\log(1 + n)` by count."""


@compiled
def margins(ptr: Array, column: Array, count: Array, coef: Array, log_count: Array, out: Array) -> None:
    r"""Write :math:`w^\top x_i + b` of each molecule; the intercept is the last coefficient."""
    for i in range(len(ptr) - 1):
        total = coef[-1]
        for k in range(ptr[i], ptr[i + 1]):
            total += log_count[count[k]] * coef[column[k]]
        out[i] = total


@compiled
def logistic_sums(
    ptr: Array, column: Array, count: Array, y: Array, weight: Array, coef: Array, log_count: Array, out: Array
) -> int:
    """Add the gradient of the weighted logistic loss to ``out`` and return the loss, both in fixed point.

    Args:
        ptr: first entry of each molecule and the end, ``[G + 1]``.
        column: tree of each entry.
        count: its count.
        y: labels of 0, 1 or NaN for molecules that do not count, ``[G]``.
        weight: weight of the labels 0 and 1.
        coef: coefficients, the intercept last, ``[K + 1]``.
        log_count: value of each count.
        out: gradient ``[K + 1]``, 64-bit integers.
    """
    loss = 0
    scale = 2.0**POINT
    for i in range(len(ptr) - 1):
        if math.isnan(y[i]):
            continue
        margin = coef[-1]
        for k in range(ptr[i], ptr[i + 1]):
            margin += log_count[count[k]] * coef[column[k]]
        here = weight[1] if y[i] > 0.5 else weight[0]
        signed = margin if y[i] > 0.5 else -margin
        tail = math.exp(-abs(signed))
        loss += round(here * (math.log1p(tail) + max(-signed, 0.0)) * 2.0**LOSS_POINT)
        wrong = tail / (1.0 + tail) if signed > 0 else 1.0 / (1.0 + tail)
        residual = -here * wrong if y[i] > 0.5 else here * wrong
        for k in range(ptr[i], ptr[i + 1]):
            out[column[k]] += round(residual * log_count[count[k]] * scale)
        out[-1] += round(residual * scale)
    return loss


@compiled
def curvature_sums(
    ptr: Array, column: Array, count: Array, curvature: Array, place: Array, log_count: Array, dense: Array, rest: Array
) -> None:
    r"""Add :math:`\sum_i d_i x_i x_i^\top` of some columns to ``dense`` and its diagonal of the others to ``rest``.

    Args:
        ptr: as of :func:`logistic_sums`.
        column: as of :func:`logistic_sums`.
        count: as of :func:`logistic_sums`.
        curvature: :math:`d_i`, ``[G]``.
        place: row of each column in ``dense``, -1 if it has none, ``[K]``.
        log_count: as of :func:`logistic_sums`.
        dense: ``[M + 1, M + 1]``, the intercept last; its lower triangle is filled.
        rest: ``[K]``.
    """
    last = len(dense) - 1
    for i in range(len(ptr) - 1):
        d = curvature[i]
        for a in range(ptr[i], ptr[i + 1]):
            fa = log_count[count[a]]
            pa = place[column[a]]
            if pa < 0:
                rest[column[a]] += d * fa * fa
                continue
            dense[last, pa] += d * fa
            for b in range(ptr[i], ptr[i + 1]):
                pb = place[column[b]]
                if pb >= 0 and pb <= pa:
                    dense[pa, pb] += d * fa * log_count[count[b]]
        dense[last, last] += d
