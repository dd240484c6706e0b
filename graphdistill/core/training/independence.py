"""How much two samples depend on each other, in closed form, without bias and with gradients."""

from __future__ import annotations

import torch
from torch import Tensor

TINY = 1e-12
"""Least product of variances that is divided by; what is constant depends on nothing."""
LEAST = 4
"""Least number of entries of a sample."""


def distance_covariance(x: Tensor, y: Tensor) -> Tensor:
    r"""Squared distance covariance of two samples, without bias: 0 in the mean if, and only if, they are independent.

    .. math:: V^2 = \frac{1}{n (n - 3)} \sum_{i \neq j} A_{ij} B_{ij}, \quad
        A_{ij} = a_{ij} - \frac{a_{i \cdot} + a_{\cdot j}}{n - 2} + \frac{a_{\cdot \cdot}}{(n - 1)(n - 2)}, \quad
        a_{ij} = \lVert x_i - x_j \rVert

    with sums in place of dots, and :math:`B` likewise of :math:`y`. Székely and Rizzo, Annals of Statistics 2014,
    https://doi.org/10.1214/14-AOS1255. The plain form, a mean over all pairs, is above 0 for independent samples, too,
    the more the fewer they are: as a loss it would be lowered by latents that tell nothing at all.

    Args:
        x: float ``[n, p]``.
        y: float ``[n, q]``.

    Returns:
        A number with gradients, which may be a little below 0.

    Raises:
        ValueError: there are fewer than 4 entries, or the samples have other shapes or differ in length.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [0.0], [1.0]])
        >>> y = torch.tensor([[0.0], [0.0], [1.0], [1.0]])
        >>> round(distance_covariance(x, x).item(), 4), round(distance_covariance(x, y).item(), 4)
        (0.6667, -0.3333)
    """
    return (_centred("x", x, x) * _centred("y", y, x)).sum() / (len(x) * (len(x) - 3))


def distance_correlation(x: Tensor, y: Tensor) -> Tensor:
    r"""Squared distance correlation of two samples, without bias: near 0 for independent ones, at most 1.

    .. math:: R^2 = V^2(x, y) \, / \sqrt{V^2(x, x) \, V^2(y, y)}

    Units do not change it. Arguments and errors are those of :func:`distance_covariance`; a sample without variance
    has 0.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [3.0], [4.0]])
        >>> round(distance_correlation(x, 5 - 2 * x).item(), 4), distance_correlation(x, torch.ones(4, 1)).item()
        (1.0, 0.0)
    """
    a, b = _centred("x", x, x), _centred("y", y, x)
    return (a * b).sum() / (a.square().sum() * b.square().sum()).clamp(min=TINY).sqrt()


def _centred(name: str, values: Tensor, other: Tensor) -> Tensor:
    """Distances whose rows and columns add up to 0, with zeros on the diagonal."""
    n = len(values)
    if values.dim() != 2 or n < LEAST or n != len(other):
        raise ValueError(
            f"{name} is {list(values.shape)}; x and y are float [n, p] and [n, q] of the same n of {LEAST} or more"
        )
    distance = torch.cdist(values, values)
    rows, all_of_them = distance.sum(dim=1, keepdim=True), distance.sum()
    centred = distance - (rows + rows.T) / (n - 2) + all_of_them / ((n - 1) * (n - 2))
    return centred * (1 - torch.eye(n, dtype=values.dtype, device=values.device))
