r"""GEOM, trajectory matching on graphs with experts that go from easy nodes to hard ones, and labels that are learnt.

.. math:: d_v = H\Big(\frac{1}{|N(v)|} \sum_{u \in N(v)} p_u\Big)

A node is hard whose neighbours are of many classes. The published code asks the true labels of all nodes, those for
validation and test too; here :math:`p` are labels that spread from the training nodes. All else is as in SFGC, but the
latest epoch to start at grows while the set is learnt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.experts import Curriculum, Window, record_trajectories
from graphdistill.condense.matching.objective import Recipe, Setting
from graphdistill.condense.methods import sfgc
from graphdistill.condense.methods.mtt import network_of
from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.methods import MethodConfig
from graphdistill.core.networks.node_gcn import Propagation, without_loops

PAPER = "Zhang et al., ICML 2024, https://arxiv.org/abs/2402.05011"
FOR: tuple[Kind, ...] = ("nodes",)

SPREADS = 10
"""How often labels spread from the training nodes."""


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


def recipe(setting: Setting, config: Config) -> Recipe:
    """GEOM's recipe: SFGC's with a curriculum, a window that grows, and soft labels.

    Curriculum as in the paper on Cora: three quarters of the nodes at first, all after half of the training. Labels
    begin as what the experts, on average, end with. On Cora, ten nodes a class, that start is what gains: validation
    mostly chooses it over what matching makes of it.
    """
    real = setting.real
    plan = Curriculum(difficulty(setting.protocol.data), first=0.75, until=0.5)
    training = replace(sfgc.TRAINING, curriculum=plan)
    experts = record_trajectories(real, training, sfgc.EXPERTS, setting.seed, setting.progress)
    small, network = sfgc.begin(setting), network_of(setting)
    with torch.no_grad():
        logits = torch.stack([network(theta, small.inputs()) for theta in experts[:, -1]]).mean(dim=0)
    # As in the paper, no class is above the true one.
    small.logits = logits.scatter(1, small.y[:, None], logits.max(dim=1, keepdim=True).values).requires_grad_()
    return sfgc.recipe_of(setting, experts, small, Window(2, 20, first_latest=10))


def difficulty(data: NodeDataset) -> Tensor:
    """Entropy of what the neighbours of each training node are, float ``[n]``; 0 where there are none.

    Args:
        data: the graph; of its labels those of training nodes are read.

    Example:
        >>> edges, none = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), torch.empty(0).long()
        >>> path = NodeDataset("path", torch.ones(3, 1), edges, torch.tensor([0, 0, 1]), torch.arange(3), none, none)
        >>> [round(value, 3) for value in difficulty(path).tolist()]
        [0.0, 0.693, 0.0]
    """
    known = F.one_hot(data.y[data.train]).float()
    spread, classes = Propagation(data.edge_index, len(data.x)), known.shape[1]
    share = torch.zeros(len(data.x), classes)
    for _ in range(SPREADS):
        share[data.train] = known
        share = spread(share)
    share[data.train] = known
    total = share.sum(dim=1, keepdim=True)
    # Nodes that no label reaches may be anything.
    share = torch.where(total > 0, share / total, torch.full_like(share, 1 / classes))
    source, target = without_loops(data.edge_index)
    around = torch.zeros_like(share).index_add_(0, target, share[source])
    around = around / around.sum(dim=1, keepdim=True).clamp(min=1e-12)
    entropy: Tensor = torch.special.entr(around).sum(dim=1)
    return entropy[data.train]
