"""A codebook of structural tokens, updated by moving averages instead of gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.scatter import Distance as Distance
from graphdistill.core.scatter import codebook_stats, nearest_code


@dataclass(frozen=True)
class Health:
    """Usage of a codebook.

    Attributes:
        perplexity: exponential of the entropy of code frequencies, from 1 to the number of codes.
        live: number of codes with at least one row.
        codes: number of codes.
        revivals: number of dead codes that were reset to data so far.
    """

    perplexity: float
    live: int
    codes: int
    revivals: int


class Codebook(nn.Module):
    r"""Vector quantisation with exponential moving averages (van den Oord et al., 2017, https://arxiv.org/abs/1711.00937).

    .. math:: n_k \leftarrow \gamma n_k + (1 - \gamma) |\{i : z_i = k\}|, \quad
        s_k \leftarrow \gamma s_k + (1 - \gamma) \sum_{z_i = k} x_i, \quad e_k = s_k / n_k

    For cosine :math:`e_k` is normalized, and :math:`s_k` is reset to :math:`n_k e_k` in every update.

    Codes are initialized by k-means, and a code whose count decays is reset to a random row. Published graph tokenizers
    do neither and end with 1 % of their codes in use.

    Args:
        num_codes: number K of codes, at least 1.
        dim: width of a code.
        metric: ``cosine`` (codes and rows are normalized) or ``euclidean``. (default: ``cosine``)
        decay: decay :math:`\gamma` of the moving averages. (default: 0.9)
        revive_below: a code is reset to data when its average count falls below this. (default: 0.5)

    Shapes:
        - **input:** rows ``[N, dim]``
        - **output:** code of each row, long ``[N]``

    Example:
        >>> book = Codebook(2, 1, metric="euclidean")
        >>> x = torch.tensor([[0.0], [0.1], [5.0], [5.1]])
        >>> book.start(x, torch.Generator().manual_seed(0))
        >>> code = book(x)
        >>> bool(code[0] == code[1]), bool(code[1] == code[2])
        (True, False)
    """

    codes: Tensor
    count: Tensor
    revivals: Tensor

    def __init__(
        self, num_codes: int, dim: int, *, metric: Distance = "cosine", decay: float = 0.9, revive_below: float = 0.5
    ):
        super().__init__()
        if num_codes < 1:
            raise ValueError(f"num_codes must be 1 or more, got {num_codes}")
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be from 0 to below 1, got {decay}")
        if metric not in get_args(Distance):
            raise ValueError(f"metric must be one of {', '.join(get_args(Distance))}, got {metric!r}")
        self.metric, self.decay, self.revive_below = metric, decay, revive_below
        self.register_buffer("codes", torch.zeros(num_codes, dim))
        self.register_buffer("count", torch.ones(num_codes))
        self.register_buffer("revivals", torch.zeros((), dtype=torch.long))

    def place(self, x: Tensor) -> Tensor:
        """Rows for comparison with codes: normalized for cosine."""
        return F.normalize(x, dim=1) if self.metric == "cosine" else x

    @torch.no_grad()
    def start(self, x: Tensor, generator: torch.Generator, rounds: int = 10) -> None:
        """Initialize the codes by k-means of rows.

        Args:
            x: rows ``[N, dim]``, at least as many as codes.
            generator: draws the initial rows, and rows for empty clusters.
            rounds: rounds of Lloyd's algorithm. (default: 10)

        Raises:
            ValueError: there are more codes than rows.
        """
        if len(x) < len(self.codes):
            raise ValueError(
                f"num_codes is {len(self.codes)} but there are only {len(x)} rows; use at most one code per row"
            )
        self.codes.copy_(self.place(x)[torch.randperm(len(x), generator=generator)[: len(self.codes)].to(x.device)])
        self.refine(x, generator, rounds)

    @torch.no_grad()
    def refine(self, x: Tensor, generator: torch.Generator, rounds: int = 10) -> None:
        """Refine the codes by rounds of Lloyd's algorithm; empty clusters are reset to random rows."""
        x = self.place(x)
        for _ in range(rounds):
            count, total = codebook_stats(x, self(x), len(self.codes))
            self._move(count.to(x.dtype), total / count.clamp(min=1)[:, None], x, generator, 0.5)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Nearest code of each row."""
        return nearest_code(self.place(x), self.codes)[0]

    @torch.no_grad()
    def update(self, x: Tensor, code: Tensor, generator: torch.Generator) -> None:
        """Update the moving averages by the rows of each code, and reset dead codes to random rows.

        Args:
            x: rows ``[N, dim]``.
            code: their codes, long ``[N]``.
            generator: draws rows for dead codes.
        """
        x = self.place(x)
        count, total = codebook_stats(x, code, len(self.codes))
        kept, new = self.decay * self.count, (1 - self.decay) * count.to(x.dtype)
        # As a step towards the mean of the new rows, which is correct even if the count has decayed to 0.
        share = (new / (kept + new).clamp(min=1e-12))[:, None]
        mean = torch.lerp(self.codes, total / count.clamp(min=1)[:, None], share)
        self.revivals += self._move(kept + new, mean, x, generator, self.revive_below)

    def _move(self, count: Tensor, mean: Tensor, x: Tensor, generator: torch.Generator, least: float) -> int:
        """Set the averages and reset dead codes to random rows; returns the number of dead codes."""
        dead = (count < least).nonzero().view(-1)
        if len(dead):
            rows = torch.randint(len(x), (len(dead),), generator=generator).to(x.device)
            mean, count = mean.index_copy(0, dead, x[rows]), count.index_fill(0, dead, max(1.0, least))
        self.codes.copy_(self.place(mean))
        self.count.copy_(count)
        return len(dead)

    def similarity(self, x: Tensor) -> Tensor:
        """Cosine of, or negative squared distance between, rows and codes: ``[N, K]``, differentiable in ``x``."""
        if self.metric == "cosine":
            return self.place(x) @ self.codes.T
        return 2 * x @ self.codes.T - self.codes.square().sum(dim=1) - x.square().sum(dim=1, keepdim=True)

    @torch.no_grad()
    def health(self, code: Tensor) -> Health:
        """Usage of the codebook by the given codes, long ``[N]``."""
        count = torch.bincount(code, minlength=len(self.codes)).double()
        share = count / count.sum().clamp(min=1)
        entropy = -torch.special.xlogy(share, share).sum()
        return Health(float(entropy.exp()), int((count > 0).sum()), len(count), int(self.revivals))
