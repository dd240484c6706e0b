import pytest
import torch
import torch_geometric.nn as pyg
from torch_geometric.data import Batch

from graphdistill.core.trees.build import build_forest
from graphdistill.mirage.layered.batch import LosslessBatch
from graphdistill.mirage.layered.source import read
from tests.mirage.layered.samples import Net, graphs, randomised


def test_a_part_of_the_graphs_has_their_rows_and_attributes():
    data = graphs(loops=True)
    source = read(data)
    index = torch.tensor([7, 2, 2, 0])
    batch = LosslessBatch(build_forest(source.graphs, 2).subset(index), source, index)
    ordinary = Batch.from_data_list([data[i] for i in index])
    assert (batch.num_graphs, batch.y.tolist()) == (4, ordinary.y.tolist())
    assert len(batch) == 5
    assert {*batch.x.as_subclass(torch.Tensor).unbind(0)[0].tolist()} <= {*ordinary.x.view(-1).tolist()}
    model = randomised(Net(lambda i: pyg.GATConv(i, 8, edge_dim=2), edges=True))
    assert torch.allclose(batch.run(model), model(ordinary), rtol=0, atol=1e-9)


def test_a_batch_moves_with_its_attributes():
    data = graphs()
    source = read(data)
    batch = LosslessBatch(build_forest(source.graphs, 2), source)
    model = randomised(Net(lambda i: pyg.GraphConv(i, 8)))
    assert torch.equal(batch.to("cpu").run(model), batch.run(model))
    assert torch.equal(batch.to("cpu").y, batch.y)


@pytest.mark.gpu
@pytest.mark.parametrize("accelerate", [False, True])
@pytest.mark.parametrize("conv", [pyg.GCNConv, pyg.SAGEConv, pyg.GATConv, pyg.TransformerConv])
def test_outputs_and_gradients_are_the_same_on_a_gpu(conv, accelerate):
    source = read(graphs(loops=True))
    batch = LosslessBatch(build_forest(source.graphs, 2), source, accelerate=accelerate)
    found = []
    for device in ("cpu", "cuda"):
        model = randomised(Net(lambda i: conv(i, 8))).to(device)
        out = batch.to(device).run(model)
        out.square().sum().backward()
        found.append([out.detach().cpu(), *(p.grad.cpu() for p in model.parameters())])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)
