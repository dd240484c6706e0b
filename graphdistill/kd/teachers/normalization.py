"""A network whose batch normalisation uses the statistics of the batch, as in training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def batch_norms(module: nn.Module) -> list[_BatchNorm]:
    """Layers of a network that normalise by statistics of a batch.

    Example:
        >>> len(batch_norms(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.LayerNorm(3))))
        1
    """
    return [layer for layer in module.modules() if isinstance(layer, _BatchNorm)]


@contextlib.contextmanager
def batch_statistics(module: nn.Module) -> Iterator[None]:
    """Normalise by the statistics of the batch while the block runs; all else, such as dropout, stays as it is.

    Running statistics are neither used nor changed.

    Example:
        >>> import torch
        >>> norm = nn.BatchNorm1d(1).eval()
        >>> with batch_statistics(norm):
        ...     norm(torch.tensor([[5.0], [7.0]])).round().tolist()
        [[-1.0], [1.0]]
        >>> norm.running_mean.tolist(), norm.training
        ([0.0], False)
    """
    before = [(layer, layer.training, layer.track_running_stats) for layer in batch_norms(module)]
    try:
        for layer, _, _ in before:
            layer.training, layer.track_running_stats = True, False
        yield
    finally:
        for layer, training, tracked in before:
            layer.training, layer.track_running_stats = training, tracked
