"""Features as one vector for each row of logits."""

from __future__ import annotations

from torch import Tensor


def pooled(features: Tensor, rows: int) -> Tensor:
    """One vector for each row of logits, ``[rows, d]``.

    Args:
        features: ``[n, d]``, tokens ``[n, L, d]`` or a map ``[n, d, h, w]``.
        rows: n, or n L for a language model, which has a row for every token.

    Raises:
        ValueError: features of another shape.

    Example:
        >>> import torch
        >>> [list(pooled(torch.zeros(6, 3, 4), rows).shape) for rows in (6, 18)]
        [[6, 4], [18, 4]]
    """
    if features.ndim == 4 and len(features) == rows:
        return features.mean((2, 3))
    if features.ndim == 3 and len(features) * features.shape[1] == rows:
        return features.flatten(0, 1)
    if features.ndim == 3 and len(features) == rows:
        return features.mean(1)
    if features.ndim == 2 and len(features) == rows:
        return features
    raise ValueError(
        f"features must be of {rows} entries, [n, d], [n, L, d] or [n, d, h, w], "
        f"got {list(features.shape)}; name other layers"
    )
