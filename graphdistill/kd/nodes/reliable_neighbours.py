"""Reliable neighbours (KRD): soft labels of those nodes whose prediction noise hardly changes, as further targets."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from graphdistill.core.networks.node_gcn import without_loops


def reliability(
    predict: Callable[[Tensor], Tensor],
    x: Tensor,
    generator: torch.Generator,
    *,
    noise: float = 1.0,
    draws: int = 5,
    logits: Tensor | None = None,
) -> Tensor:
    r"""Robustness to noise of the teacher's entropy at each node, from 0 to 1, ``[N]``.

    .. math:: \rho_i = \mathbb{E}_{\epsilon} \bigl(H(f(X + \epsilon)_i) - H(f(X)_i)\bigr)^2, \quad
        r_i = 1 - \rho_i / \max_j \rho_j

    with the entropy H of the teacher's prediction (KRD: Wu et al., ICML 2023, https://arxiv.org/abs/2306.05628).

    Args:
        predict: the teacher's logits ``[N, C]`` from features ``[N, F]``.
        x: features ``[N, F]``.
        generator: draws the noise.
        noise: standard deviation of the noise relative to that of the features. (default: 1)
        draws: number of noise samples. (default: 5)
        logits: logits without noise. (default: computed here)

    Example:
        >>> x = torch.tensor([[9.0, 0.0], [0.5, 0.0]])
        >>> reliable = reliability(lambda x: x, x, torch.Generator().manual_seed(0))
        >>> bool(reliable[0] > reliable[1])  # noise does not change a clear prediction
        True
    """

    def entropy(logits: Tensor) -> Tensor:
        out: Tensor = torch.distributions.Categorical(logits=logits).entropy()
        return out

    clean, scale = entropy(predict(x) if logits is None else logits), noise * x.std()
    moved = torch.zeros_like(clean)
    for _ in range(draws):
        drawn = torch.randn(x.shape, generator=generator).to(x.device)
        moved += (entropy(predict(x + scale * drawn)) - clean) ** 2
    return 1 - moved / moved.max().clamp(min=1e-12)


class ReliableNeighbours:
    r"""Cross-entropy against soft labels of reliable neighbours (KRD: Wu et al., ICML 2023, https://arxiv.org/abs/2306.05628).

    In each step an edge :math:`u \to v` is kept with probability :math:`r_u`, and v is also trained on u's soft label.
    The mean over the rows is the mean over the kept edges.

    Args:
        soft: the teacher's probabilities ``[N, C]``.
        edge_index: both directions of every edge, long ``[2, E]``.
        reliable: probability to keep the edges of each source node, ``[N]``.

    Example:
        >>> loss = ReliableNeighbours(torch.eye(2), torch.tensor([[0, 1], [1, 0]]), torch.tensor([1.0, 0.0]))
        >>> loss(torch.tensor([0, 1]), torch.zeros(2, 2), torch.Generator()).exp().tolist()  # the edge 0 -> 1 alone
        [1.0, 4.0]
    """

    def __init__(self, soft: Tensor, edge_index: Tensor, reliable: Tensor):
        self.soft = soft
        self.source, self.target = without_loops(edge_index).to(soft.device)
        self.kept_share = reliable.to(soft.device)[self.source]

    def __call__(self, index: Tensor, logits: Tensor, generator: torch.Generator) -> Tensor:
        """The loss of each row.

        Args:
            index: nodes of the batch, long ``[n]``.
            logits: the student's logits of these nodes, ``[n, C]``.
            generator: draws the kept edges.

        Returns:
            Float ``[n]``; zeros if no edge is kept.
        """
        place = torch.full((len(self.soft),), -1, device=logits.device)
        place[index.to(logits.device)] = torch.arange(len(index), device=logits.device)
        drawn = torch.rand(len(self.source), generator=generator).to(logits.device)
        kept = (drawn < self.kept_share) & (place[self.target] >= 0)
        row = place[self.target[kept]]
        value = -(self.soft[self.source[kept]] * logits[row].log_softmax(dim=1)).sum(dim=1)
        return logits.new_zeros(len(index)).index_add(0, row, value * (len(index) / max(1, len(row))))
