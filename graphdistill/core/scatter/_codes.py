"""Statistics of classes and codes: moments, nearest codes, and statistics for codebook updates."""

from __future__ import annotations

from typing import Literal, NamedTuple

from torch import Tensor

from graphdistill.core.scatter import _check, _ops

Distance = Literal["euclidean", "cosine"]


class Moments(NamedTuple):
    """Count (long ``[C]``), mean, second moment and variance (``[C, F]``) of each class."""

    count: Tensor  # type: ignore[assignment]  # hides tuple.count, which is not useful here
    mean: Tensor
    second: Tensor
    variance: Tensor


def class_moments(x: Tensor, y: Tensor, num_classes: int) -> Moments:
    r"""Count, mean, second moment and variance of the rows of each class.

    .. math:: n_c = |\{i : y_i = c\}|, \quad m_c = \frac{1}{n_c} \sum_{y_i = c} x_i, \quad
        s_c = \frac{1}{n_c} \sum_{y_i = c} x_i^2, \quad v_c = \frac{1}{n_c} \sum_{y_i = c} (x_i - m_c)^2

    For distribution matching and prototypes. The variance is never negative and stays precise for values far from zero,
    where ``second - mean ** 2`` cancels. A class without rows has zeros. Twice differentiable in ``x``.

    Args:
        x: rows, floating ``[N]`` or ``[N, F]``.
        y: class of each row, long ``[N]``, below ``num_classes``.
        num_classes: number C of classes.

    Returns:
        ``(count, mean, second, variance)``: long ``[C]`` and three of ``[C]`` or ``[C, F]``.

    Raises:
        ValueError: a class is out of range; lengths, dtypes or devices differ.

    Example:
        >>> import torch
        >>> moments = class_moments(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([1, 1, 0]), 2)
        >>> moments.count.tolist(), moments.mean.tolist(), moments.second.tolist(), moments.variance.tolist()
        ([1, 2], [[5.0], [2.0]], [[25.0], [5.0]], [[0.0], [1.0]])
    """
    _check.rows("x", x)
    _check.per_row("y", y, "x", x)
    _check.size("num_classes", num_classes)
    _check.alike("y", y, "x", x, dtype=False)
    order, ptr = _ops.sort_by(y, num_classes, "y")
    count = ptr.diff()
    parts = _ops.class_moments(x if x.dim() == 2 else x[:, None], y, order, ptr)
    return Moments(count, *(part if x.dim() == 2 else part.squeeze(1) for part in parts))


def nearest_code(
    x: Tensor, codebook: Tensor, metric: Distance = "euclidean", *, max_bytes: int | None = None
) -> tuple[Tensor, Tensor]:
    r"""Find the nearest code of each row, without the N x K matrix of distances.

    .. math:: \mathrm{index}_i = \arg\min_k d(x_i, c_k), \quad d = \|x_i - c_k\|_2 \text{ or }
        1 - \frac{x_i \cdot c_k}{\|x_i\| \|c_k\|}

    Ties are broken deterministically; for codes that are equally near up to rounding, the result may depend on
    ``max_bytes`` and the number of threads. It is not differentiable; gather ``codebook[index]`` for gradients.

    Args:
        x: rows, floating ``[N, F]``; halves are compared in float32.
        codebook: codes, of the dtype of ``x``, ``[K, F]``, at least one.
        metric: ``euclidean`` or ``cosine``. (default: ``euclidean``)
        max_bytes: bound of the temporary memory, without one copy of the codebook. (default: 8 MiB, which
            stay in the cache; 256 MiB on a GPU)

    Returns:
        Row of the nearest code, long ``[N]``, and the distance to it, ``[N]``.

    Raises:
        ValueError: there is no code, a value is infinite or NaN, widths, dtypes or devices differ, or ``max_bytes``
            does not hold one row of distances.

    Example:
        >>> import torch
        >>> index, distance = nearest_code(torch.tensor([[0.0, 1.0], [3.0, 4.0]]), torch.tensor([[0.0, 0.0]]))
        >>> index.tolist(), distance.tolist()
        ([0, 0], [1.0, 5.0])
    """
    _check.rows("x", x, dims=(2,))
    _check.rows("codebook", codebook, dims=(2,))
    _check.one_of("metric", metric, ("euclidean", "cosine"))
    if not codebook.shape[0]:
        raise ValueError("codebook must have at least one code, got none")
    if x.shape[1] != codebook.shape[1]:
        raise ValueError(f"codebook must have the {x.shape[1]} columns of x, got {codebook.shape[1]}")
    if max_bytes is None:
        max_bytes = 1 << (28 if x.is_cuda else 23)
    index, distance = _ops.nearest_code(x.detach(), codebook.detach(), metric, max_bytes)
    return index, distance


def codebook_stats(x: Tensor, code: Tensor, num_codes: int) -> tuple[Tensor, Tensor]:
    r"""Number and sum of the rows of each code, for updates of a codebook's moving averages.

    .. math:: n_k = |\{i : \mathrm{code}_i = k\}|, \quad s_k = \sum_{\mathrm{code}_i = k} x_i

    Args:
        x: rows, floating ``[N, F]``.
        code: code of each row (from :func:`nearest_code`), long ``[N]``.
        num_codes: number K of codes.

    Returns:
        Counts, long ``[K]``, and sums, ``[K, F]``, differentiable in ``x``.

    Raises:
        ValueError: a code is out of range; lengths, dtypes or devices differ.

    Example:
        >>> import torch
        >>> count, total = codebook_stats(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([1, 1, 0]), 3)
        >>> count.tolist(), total.tolist()
        ([1, 2, 0], [[5.0], [4.0], [0.0]])
    """
    _check.rows("x", x, dims=(2,))
    _check.per_row("code", code, "x", x)
    _check.size("num_codes", num_codes)
    _check.alike("code", code, "x", x, dtype=False)
    order, ptr = _ops.sort_by(code, num_codes, "code")
    total: Tensor = _ops.gather_segment(x, ptr, order, None, "sum", trusted=True)
    return ptr.diff(), total
