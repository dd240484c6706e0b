"""Losses and metrics by task: cross-entropy and accuracy or ROC-AUC, with missing labels for many tasks."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import Tensor

from graphdistill.core.data.datasets import Metric, Task


def per_sample_loss(logits: Tensor, y: Tensor, task: Task) -> Tensor:
    r"""Loss of each sample, ``[n]``.

    Cross-entropy :math:`-\sum_c y_c \log p_c` for one task, with hard (long ``[n]``) or soft (float ``[n, C]``)
    labels. For many tasks (float ``[n, T]`` with NaN), the mean binary cross-entropy over the labelled tasks.

    Example:
        >>> per_sample_loss(torch.zeros(1, 2), torch.tensor([1]), "multiclass").exp().item()
        2.0
    """
    if task == "multiclass":
        return F.cross_entropy(logits, y, reduction="none")
    known = ~torch.isnan(y)
    loss = F.binary_cross_entropy_with_logits(logits, y.nan_to_num(), reduction="none")
    return (loss * known).sum(dim=1) / known.sum(dim=1).clamp(min=1)


def score(logits: Tensor, y: Tensor, metric: Metric) -> float:
    """Accuracy or ROC-AUC of logits on any device; for many tasks the mean over tasks with both labels in ``y``.

    Args:
        logits: float ``[n, C]``, or ``[n, T]`` for many tasks.
        y: long ``[n]``, or float ``[n, T]`` of 0, 1 and NaN.
        metric: ``rocauc`` or ``accuracy``.

    Returns:
        A number from 0 to 1; NaN if ROC-AUC is undefined because ``y`` lacks a class in every task.

    Raises:
        ValueError: some entry has no label (-1), which would count as wrong.

    Example:
        >>> score(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 1]), "accuracy")
        1.0
    """
    logits, y = logits.cpu(), y.cpu()
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
