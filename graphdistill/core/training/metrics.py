"""Losses and metrics by task, with missing labels: cross-entropy and accuracy or ROC-AUC, squares and RMSE or MAE."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import Tensor

from graphdistill.core.data.datasets import REGRESSION, Metric, Task
from graphdistill.core.data.tagged import spans_of


def per_sample_loss(logits: Tensor, y: Tensor, task: Task, deviation: Tensor | None = None) -> Tensor:
    r"""Loss of each sample, ``[n]``.

    Cross-entropy :math:`-\sum_c y_c \log p_c` for one task, with hard (long ``[n]``) or soft (float ``[n, C]``)
    labels. For many tasks (float ``[n, T]`` with NaN), the mean binary cross-entropy over the labelled tasks. For
    regression (float ``[n, T]`` with NaN), the mean of :math:`((\hat y_t - y_t) / \sigma_t)^2` over the known targets.

    Args:
        logits: outputs of a network, ``[n, C]`` or ``[n, T]``.
        y: labels or targets.
        task: their kind.
        deviation: standard deviation :math:`\sigma` of each target, ``[T]``. (default: 1)

    Example:
        >>> per_sample_loss(torch.zeros(1, 2), torch.tensor([1]), "multiclass").exp().item()
        2.0
    """
    if task == "multiclass":
        return F.cross_entropy(logits, y, reduction="none")
    known = ~torch.isnan(y)
    if task == "regression":
        error = logits - y.nan_to_num()
        loss = (error if deviation is None else error / deviation).square()
    else:
        loss = F.binary_cross_entropy_with_logits(logits, y.nan_to_num(), reduction="none")
    return (loss * known).sum(dim=1) / known.sum(dim=1).clamp(min=1)


def score(logits: Tensor, y: Tensor, metric: Metric) -> float:
    """Accuracy, ROC-AUC or F1 of logits, or RMSE or MAE of predicted targets, on any device.

    For many tasks the mean over tasks with both labels in ``y``, for many targets over those with a known value.

    Args:
        logits: float ``[n, C]``, or ``[n, T]`` for many tasks or targets.
        y: long ``[n]``, or float ``[n, T]`` of 0, 1 and NaN, or of targets and NaN.
        metric: ``rocauc``, ``accuracy``, ``f1`` (micro F1 of exact spans of tags, see
            :func:`~graphdistill.core.data.tagged.spans_of`; -1 in ``y`` separates sentences), ``rmse`` or ``mae``.

    Returns:
        A number from 0 to 1, of RMSE and MAE in the unit of the targets; NaN if it is undefined because ``y`` lacks a
        class in every task, or knows no target.

    Raises:
        ValueError: some entry has no label (-1), which would count as wrong, unless ``f1``.

    Example:
        >>> score(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 1]), "accuracy")
        1.0
    """
    logits, y = logits.cpu(), y.cpu()
    if metric in REGRESSION:
        error = (logits.double() - y.double()).abs()
        each = error.square().nanmean(dim=0).sqrt() if metric == "rmse" else error.nanmean(dim=0)
        return float(each.nanmean())
    if metric == "f1":
        return _span_f1(logits.argmax(dim=1), y)
    if y.dim() == 1:
        if len(y) and int(y.min()) < 0:
            raise ValueError(f"y has no label at {int((y < 0).sum())} of {len(y)} entries; score those with a label")
        if metric == "accuracy":
            return float((logits.argmax(dim=1) == y).double().mean())
        if logits.shape[1] == 2:
            columns = [(logits[:, 1] - logits[:, 0], y)]
        else:
            log_p = logits.log_softmax(dim=1)
            columns = [(log_p[:, c], (y == c).long()) for c in range(logits.shape[1])]
    else:
        known = ~torch.isnan(y)
        columns = [(logits[k, t], y[k, t].long()) for t, k in enumerate(known.T)]
        if metric == "accuracy":
            right = [float(((s > 0) == (t > 0)).double().mean()) for s, t in columns if len(t)]
            return float(np.mean(right)) if right else float("nan")
    scores = [
        float(roc_auc_score(truth.numpy(), scores.detach().double().numpy()))
        for scores, truth in columns
        if len(truth) and 0 < int(truth.sum()) < len(truth)
    ]
    return float(np.mean(scores)) if scores else float("nan")


def with_label(logits: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The rows that have a label.

    Args:
        logits: float ``[n, C]``.
        y: long ``[n]``, -1 where there is none.

    Example:
        >>> with_label(torch.tensor([[1.0], [2.0]]), torch.tensor([-1, 0]))
        (tensor([[2.]]), tensor([0]))
    """
    known = y >= 0
    return logits[known], y[known]


def calibration_error(logits: Tensor, y: Tensor, bins: int = 15) -> float:
    r"""Expected calibration error: how far confidence and accuracy are apart.

    .. math:: \sum_b \frac{n_b}{n} \, \lvert \mathrm{acc}_b - \mathrm{conf}_b \rvert

    over bins b of equal width of the likeliest class's probability (Guo et al., ICML 2017,
    https://arxiv.org/abs/1706.04599).

    Args:
        logits: float ``[n, C]``.
        y: long ``[n]``.
        bins: number of bins. (default: 15)

    Example:
        >>> calibration_error(torch.tensor([[0.0, 50.0], [0.0, 50.0]]), torch.tensor([1, 0]))
        0.5
    """
    confidence, label = logits.double().softmax(dim=1).max(dim=1)
    right = (label == y).double()
    place = (confidence * bins).ceil().long().clamp(1, bins) - 1
    gaps = torch.zeros(bins, dtype=torch.double).index_add_(0, place.cpu(), (right - confidence).cpu())
    return float(gaps.abs().sum() / len(y))


def _span_f1(tags: Tensor, y: Tensor) -> float:
    """Micro F1 of exact spans; rows with the label -1 end a sentence."""
    found, truth = (set(spans_of(values.where(y >= 0, 0)[None])) for values in (tags, y))
    return 2 * len(found & truth) / max(1, len(found) + len(truth))
