"""Losses of the baselines: relation matching (NOSMOG) and reliable neighbours (KRD)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.networks.node_gcn import without_loops
from graphdistill.core.randomness import generator
from graphdistill.vqgraph.distill import Loss
from graphdistill.vqgraph.teachers import teacher_outputs


def relation_loss(hidden: Tensor, seed: int, size: int = 512) -> Loss:
    r"""Relation matching (NOSMOG: Tian et al., ICLR 2023, https://openreview.net/forum?id=Cs3r5KLdoj).

    .. math:: L = \frac{1}{n^2} \sum_{ij} \bigl(\cos(h_i, h_j) - \cos(t_i, t_j)\bigr)^2

    over ``size`` random nodes of a batch, with hidden vectors h of the student and t of the teacher.

    Args:
        hidden: hidden layer of the teacher, ``[N, H]``.
        seed: seed of the draws.
        size: nodes per draw. (default: 512)
    """
    rows, draws = F.normalize(hidden, dim=1), generator(seed, "relations")

    def loss(nodes: Tensor, logits: Tensor, h: Tensor) -> Tensor:
        some = torch.randperm(len(nodes), generator=draws)[:size].to(nodes.device)
        mine, theirs = F.normalize(h[some], dim=1), rows[nodes[some]]
        return F.mse_loss(mine @ mine.T, theirs @ theirs.T)

    return loss


def reliability(
    teacher: nn.Module,
    layer: str,
    data: NodeDataset,
    seed: int,
    *,
    noise: float = 1.0,
    draws: int = 5,
    batch_size: int | None = None,
    logits: Tensor | None = None,
) -> Tensor:
    r"""Robustness to noise of the teacher's entropy at each node, from 0 to 1, ``[N]``.

    .. math:: \rho_i = \mathbb{E}_{\epsilon} \bigl(H(f(X + \epsilon)_i) - H(f(X)_i)\bigr)^2, \quad
        r_i = 1 - \rho_i / \max_j \rho_j

    with the entropy H of the teacher's prediction (KRD: Wu et al., ICML 2023, https://arxiv.org/abs/2306.05628).

    Args:
        teacher: maps ``(x, edge_index)`` to logits.
        layer: path of one of its layers, for :func:`~graphdistill.vqgraph.teachers.teacher_outputs`.
        data: the observed graph.
        seed: seed of the noise.
        noise: standard deviation of the noise relative to that of the features. (default: 1)
        draws: number of noise samples. (default: 5)
        batch_size: nodes at a time; ``None`` for the whole graph at once.
        logits: logits of the teacher without noise, ``[N, C]``. (default: computed here)
    """
    source = generator(seed, "noise")

    def predict(x: Tensor) -> Tensor:
        return teacher_outputs(teacher, layer, x, data.edge_index, batch_size=batch_size, seed=seed)[0]

    def entropy(logits: Tensor) -> Tensor:
        out: Tensor = torch.distributions.Categorical(logits=logits).entropy()
        return out

    clean, scale = entropy(predict(data.x) if logits is None else logits), noise * data.x.std()
    moved = torch.zeros_like(clean)
    for _ in range(draws):
        drawn = torch.randn(data.x.shape, generator=source).to(data.x.device)
        moved += (entropy(predict(data.x + scale * drawn)) - clean) ** 2
    return 1 - moved / moved.max().clamp(min=1e-12)


def neighbour_loss(soft: Tensor, edge_index: Tensor, reliable: Tensor, seed: int) -> Loss:
    r"""Soft labels of reliable neighbours as additional targets (KRD: Wu et al., ICML 2023, https://arxiv.org/abs/2306.05628).

    In each epoch an edge :math:`u \to v` is kept with probability :math:`r_u`, and v is also trained on u's soft label.
    The loss is the mean over the kept edges.

    Args:
        soft: the teacher's probabilities ``[N, C]``.
        edge_index: both directions of every edge, long ``[2, E]``.
        reliable: probability to keep the edges of each source node, ``[N]``.
        seed: seed of the draws.
    """
    draws = generator(seed, "neighbours")
    source, target = without_loops(edge_index).to(soft.device)
    kept_share = reliable.to(soft.device)[source]

    def loss(nodes: Tensor, logits: Tensor, h: Tensor) -> Tensor:
        place = torch.full((len(soft),), -1, device=nodes.device)
        place[nodes] = torch.arange(len(nodes), device=nodes.device)
        drawn = torch.rand(len(source), generator=draws).to(nodes.device)
        kept = (drawn < kept_share) & (place[target] >= 0)
        if not bool(kept.any()):
            return logits.sum() * 0
        return F.cross_entropy(logits[place[target[kept]]], soft[source[kept]])

    return loss
