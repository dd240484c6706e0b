r"""GEOM, trajectory matching on graphs with experts that go from easy nodes to hard ones, and labels that are learnt.

.. math:: d_v = H\Big(\frac{1}{|N(v)|} \sum_{u \in N(v)} p_u\Big)

A node is hard whose neighbours are of many classes. The published code asks the true labels of all nodes, those for
validation and test too; here :math:`p` are labels that spread from the training nodes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.core.data import NodeDataset
from graphdistill.core.nodes import Propagation

SPREADS = 10
"""How often labels spread; farther nodes keep knowing nothing."""


def difficulty(data: NodeDataset) -> Tensor:
    """Entropy of what the neighbours of each training node are, float ``[n]``; 0 where there are none.

    Args:
        data: the graph; of its labels those of training nodes are read.

    Example:
        >>> graph = NodeDataset(
        ...     "path", torch.ones(3, 1), torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), torch.tensor([0, 0, 1]),
        ...     train=torch.arange(3), valid=torch.empty(0).long(), test=torch.empty(0).long())
        >>> [round(value, 3) for value in difficulty(graph).tolist()]
        [0.0, 0.693, 0.0]
    """
    known = F.one_hot(data.y[data.train]).float()
    spread, classes = Propagation(data.edge_index, len(data.x)), known.shape[1]
    y = torch.zeros(len(data.x), classes)
    for _ in range(SPREADS):
        y[data.train] = known
        y = spread(y)
    y[data.train] = known
    total = y.sum(dim=1, keepdim=True)
    y = torch.where(total > 0, y / total.clamp(min=1e-12), 1 / classes)
    source, target = data.edge_index
    around = torch.zeros_like(y).index_add_(0, target, y[source])
    share = around / around.sum(dim=1, keepdim=True).clamp(min=1e-12)
    return torch.special.entr(share).sum(dim=1)[data.train]
