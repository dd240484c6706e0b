"""A data set of small graphs that every test of graphs learns in no time."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import torch
from torch_geometric.data import Data

from graphdistill.condense.data.graphs import LearnableGraphs, TrainingGraphs
from graphdistill.condense.matching.objective import MethodContext, Step
from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.feature_encoding import fit_encoding
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.evaluation.graphs import GraphSetProtocol
from graphdistill.core.networks.graph_gcn import GraphGCN
from graphdistill.core.randomness import scoped
from graphdistill.core.training.augment import NO_AUGMENT
from graphdistill.core.training.fit import FitConfig
from tests.condense.samples import seeded

QUICK = FitConfig(steps=6, eval_every=3)


def chain(values: list[int], *, closed: bool) -> Data:
    """A path of nodes with these categories and bonds of two kinds, or a ring."""
    nodes = torch.arange(len(values) - 1)
    index = torch.stack([nodes, nodes + 1])
    if closed:
        index = torch.cat([index, torch.tensor([[len(values) - 1], [0]])], dim=1)
    both = torch.cat([index, index.flip(0)], dim=1)
    x = torch.tensor([[value, position % 2] for position, value in enumerate(values)])
    return Data(x=x, edge_index=both, edge_attr=(both.sum(dim=0) % 2)[:, None])


@cache
def chains(per_class: int = 16, classes: int = 2, measured: bool = False) -> GraphDataset:
    """Paths and rings of 3 to 6 nodes, of which one more has the category of the class; half are for training."""
    draw, graphs = seeded(), []
    y = torch.arange(classes).repeat(per_class)
    for number, label in enumerate(y.tolist()):
        values = torch.randint(classes + 1, (3 + number % 4,), generator=draw)
        values[:2] = label
        graphs.append(chain(values.tolist(), closed=number % 3 == 0))
    packed = Graphs.from_data_list(graphs)
    if measured:
        packed = replace(packed, x=packed.x + 0.25 * torch.rand(packed.x.shape, generator=draw))
    order = torch.arange(len(y)).view(per_class, classes)
    half, rest = per_class // 2, per_class // 4
    return GraphDataset(
        name="chains",
        graphs=packed,
        y=y,
        train=order[:half].flatten(),
        valid=order[half : half + rest].flatten(),
        test=order[half + rest :].flatten(),
        metric="rocauc" if classes == 2 else "accuracy",
        features="continuous" if measured else "categorical",
        notes="chains",
    )


def protocol(classes: int = 2, measured: bool = False) -> GraphSetProtocol:
    return GraphSetProtocol(chains(classes=classes, measured=measured), trainings=2, fit=QUICK)


def real(classes: int = 2, measured: bool = False) -> TrainingGraphs:
    return TrainingGraphs(protocol(classes, measured))


def graph_context(per_class: int = 2, classes: int = 2) -> MethodContext:
    here = protocol(classes)
    return MethodContext(TrainingGraphs(here), per_class, here)


def learnable(per_class: int = 2, measured: bool = False) -> LearnableGraphs:
    return real(measured=measured).init_random(per_class, seeded(7))


def graph_step(per_class: int = 2, classes: int = 2, fraction_done: float = 0.5, seed: int = 0) -> Step:
    """A step with a narrow network, from a seed."""
    graphs = real(classes)
    with scoped(seed, "weights"):
        net = GraphGCN(fit_encoding(graphs.graphs.x).width, classes, width=4)
    return Step(graphs.init_random(per_class, seeded(7)), graphs, net, NO_AUGMENT, seeded(seed), fraction_done)
