"""Random graphs whose trees repeat, and a model around any convolution."""

import copy

import torch
from torch import nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import global_mean_pool

from graphdistill.mirage.layered.loader import lossless

WIDTH = 8


def graphs(directed=False, loops=False, edges=True, number=10):
    """Graphs of 1 to 7 nodes, some isolated, with two kinds of nodes and of edges, each graph twice."""
    generator = torch.Generator().manual_seed(0)
    out = []
    for i in range(number):
        size, links = (int(torch.randint(*span, (1,), generator=generator)) for span in ((1, 8), (0, 10)))
        index = torch.randint(size, (2, links), generator=generator)
        if not directed:
            index = torch.cat([index, index.flip(0)], dim=1)
        index = torch.unique(index if loops else index[:, index[0] != index[1]], dim=1)
        kind = torch.randint(2, (size, 1), generator=generator).double()
        attr = ((index[0] + index[1]) % 2).double()[:, None]
        data = Data(x=torch.cat([kind, kind / 2 + 1, 1 - kind], 1), edge_index=index, y=torch.tensor([i % 2]))
        if edges:
            data.edge_attr = torch.cat([attr, 1.5 - attr], 1)
        out.append(data)
    return [*out, *out]


class Net(nn.Module):
    """Two convolutions with batch norm, a readout and a linear layer."""

    def __init__(self, make, edges=False, readout=global_mean_pool, out=WIDTH):
        super().__init__()
        self.convs = nn.ModuleList([make(3), make(WIDTH)])
        self.norms = nn.ModuleList(nn.BatchNorm1d(WIDTH) for _ in self.convs)
        self.edges, self.readout, self.head = edges, readout, nn.Linear(out, 2)

    def forward(self, data):
        x = data.x
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = norm(conv(x, data.edge_index, *([data.edge_attr] if self.edges else []))).tanh()
        return self.head(self.readout(x, data.batch))


def randomised(model):
    """Float64 with every parameter drawn at random, so that none is zero by chance of its start."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.double().parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)
    return model


def difference(model, data, depth=2, **options):
    """The largest difference of outputs, gradients and buffers to those of the same model on an ordinary batch."""
    model.zero_grad()
    other, batch = copy.deepcopy(model), Batch.from_data_list(data)
    layered = lossless(data, depth, **options)
    outputs = other(batch), layered.run(model)
    for output in outputs:
        nn.functional.cross_entropy(output, layered.y).backward()
    pairs = [outputs, *zip(other.buffers(), model.buffers(), strict=True)]
    for theirs, ours in zip(other.parameters(), model.parameters(), strict=True):
        assert (theirs.grad is None) == (ours.grad is None)
        pairs += [] if theirs.grad is None else [(theirs.grad, ours.grad)]
    return max(float((a - b).detach().abs().max()) for a, b in pairs)
