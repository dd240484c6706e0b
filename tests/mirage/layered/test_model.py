"""Every supported layer against PyG itself on ordinary batches: outputs, gradients and statistics of batch norm."""

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn
from torch_geometric.data import Batch
from torch_geometric.nn import aggr, global_add_pool, global_max_pool, global_mean_pool
from torch_geometric.utils import scatter

from graphdistill.mirage.layered.loader import lossless
from graphdistill.mirage.layered.model import running
from tests.mirage.layered.samples import WIDTH, Net, difference, graphs, randomised

DEGREES = torch.tensor([3, 9, 12, 6, 4, 2])
ORIGINAL = {"scatter": scatter}  # not by its name, which is replaced
SCALERS = ["identity", "amplification", "attenuation", "linear", "inverse_linear"]


def mlp(width, out=WIDTH):
    return nn.Sequential(nn.Linear(width, WIDTH), nn.BatchNorm1d(WIDTH), nn.Tanh(), nn.Linear(WIDTH, out))


NODES = {
    "GCNConv": lambda i: pyg.GCNConv(i, WIDTH),
    "GCNConv improved": lambda i: pyg.GCNConv(i, WIDTH, improved=True),
    "GCNConv without self-loops": lambda i: pyg.GCNConv(i, WIDTH, add_self_loops=False),
    "GCNConv unnormalised": lambda i: pyg.GCNConv(i, WIDTH, normalize=False),
    "SAGEConv": lambda i: pyg.SAGEConv(i, WIDTH),
    "SAGEConv max": lambda i: pyg.SAGEConv(i, WIDTH, aggr="max", normalize=True, project=True),
    "SAGEConv of three": lambda i: pyg.SAGEConv(i, WIDTH, aggr=["mean", "max", "sum"]),
    "GINConv": lambda i: pyg.GINConv(mlp(i), train_eps=True),
    "GINConv softmax": lambda i: pyg.GINConv(mlp(i), aggr=aggr.SoftmaxAggregation(learn=True)),
    "GATConv": lambda i: pyg.GATConv(i, WIDTH // 2, heads=2),
    "GATv2Conv": lambda i: pyg.GATv2Conv(i, WIDTH // 2, heads=2),
    "PNAConv": lambda i: pyg.PNAConv(i, WIDTH, ["mean", "min", "max", "std", "sum"], SCALERS, DEGREES),
    "EdgeConv": lambda i: pyg.EdgeConv(mlp(2 * i), aggr="max"),
    "GraphConv": lambda i: pyg.GraphConv(i, WIDTH),
    "TransformerConv": lambda i: pyg.TransformerConv(i, WIDTH // 2, heads=2, beta=True),
    "TAGConv": lambda i: pyg.TAGConv(i, WIDTH, K=1),
    "ResGatedGraphConv": lambda i: pyg.ResGatedGraphConv(i, WIDTH),
}
EDGES = {
    "GINEConv": lambda i: pyg.GINEConv(mlp(i), train_eps=True, edge_dim=2),
    "GATConv": lambda i: pyg.GATConv(i, WIDTH // 2, heads=2, edge_dim=2),
    "GATConv filled": lambda i: pyg.GATConv(i, WIDTH, 2, concat=False, edge_dim=2, fill_value=0.5, residual=True),
    "GATv2Conv": lambda i: pyg.GATv2Conv(i, WIDTH // 2, heads=2, edge_dim=2, fill_value="max"),
    "PNAConv": lambda i: pyg.PNAConv(i, WIDTH, ["mean", "max", "var"], SCALERS[:2], DEGREES, edge_dim=2, towers=2),
    "TransformerConv": lambda i: pyg.TransformerConv(i, WIDTH // 2, heads=2, edge_dim=2),
    "NNConv": lambda i: pyg.NNConv(i, WIDTH, nn.Linear(2, WIDTH * i)),
    "GeneralConv": lambda i: pyg.GeneralConv(i, WIDTH, in_edge_channels=2),
}
LAYERS = [(name, make, False) for name, make in NODES.items()] + [(name, make, True) for name, make in EDGES.items()]


@pytest.mark.parametrize("accelerate", [False, True], ids=["pyg", "accelerated"])
@pytest.mark.parametrize(("name", "make", "edges"), LAYERS, ids=[f"{n}{' with edges' * e}" for n, _, e in LAYERS])
def test_a_layer_is_exact(name, make, edges, accelerate):
    data = graphs(edges=edges) + graphs(directed=True, loops=True, edges=edges)
    assert difference(randomised(Net(make, edges)), data, accelerate=accelerate) < 1e-9


STOCK = {
    "GCN": pyg.GCN,
    "GraphSAGE": pyg.GraphSAGE,
    "GIN": pyg.GIN,
    "GAT": pyg.GAT,
    "GATv2": lambda *a, **k: pyg.GAT(*a, v2=True, **k),
    "PNA": lambda *a, **k: pyg.PNA(*a, aggregators=["mean", "std"], scalers=SCALERS[:2], deg=DEGREES, **k),
    "EdgeCNN": pyg.EdgeCNN,
}


@pytest.mark.parametrize("jk", [None, "cat", "max", "lstm"])
@pytest.mark.parametrize("name", STOCK)
def test_a_stock_model_is_exact(name, jk):
    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.gnn = STOCK[name](3, WIDTH, num_layers=2, out_channels=2, jk=jk, norm="batch_norm", act="tanh")

        def forward(self, data):
            return global_add_pool(self.gnn(data.x, data.edge_index), data.batch)

    assert difference(randomised(Whole()), graphs(edges=False), accelerate=jk == "max") < 1e-9


READOUTS = {
    "sum": (global_add_pool, 1),
    "mean": (aggr.MeanAggregation(), 1),
    "max": (global_max_pool, 1),
    "scatter": (lambda x, batch: scatter(x, batch, reduce="min"), 1),
    "attention": (aggr.AttentionalAggregation(nn.Linear(WIDTH, 1), nn.Linear(WIDTH, WIDTH)), 1),
    "softmax": (aggr.SoftmaxAggregation(learn=True, channels=WIDTH), 1),
    "set2set": (aggr.Set2Set(WIDTH, processing_steps=2), 2),
    "several": (aggr.MultiAggregation(["mean", "std", "max"]), 3),
    "less the mean": (lambda x, batch: global_max_pool(x - global_mean_pool(x, batch)[batch], batch), 1),
}


@pytest.mark.parametrize("accelerate", [False, True])
@pytest.mark.parametrize("name", READOUTS)
def test_a_readout_counts_nodes(name, accelerate):
    readout, times = READOUTS[name]
    net = Net(NODES["GraphConv"], False, readout, times * WIDTH)
    assert difference(randomised(net), graphs(loops=True), accelerate=accelerate) < 1e-9


def test_equal_maxima_share_their_gradient_as_nodes_do():
    class Steps(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.a, self.b = pyg.GraphConv(3, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 2)

        def forward(self, data):
            # All nodes have the same maximum; their gradients differ.
            x = self.conv(data.x, data.edge_index)
            return self.b(global_max_pool(self.a(x) * 0 + x - x.detach() + 1, data.batch))

    assert difference(randomised(Steps()), graphs(), depth=1) < 1e-9


class Everything(nn.Module):
    """What people write: residuals, both norms, dropout, layers that share weights, readouts of every layer."""

    def __init__(self):
        super().__init__()
        self.first, self.again = pyg.SAGEConv(3, WIDTH), pyg.GINEConv(mlp(WIDTH), edge_dim=2)
        self.edge = mlp(2, 2)
        self.norms = nn.ModuleList([pyg.BatchNorm(WIDTH), nn.LayerNorm(WIDTH), pyg.LayerNorm(WIDTH, mode="node")])
        self.drop, self.act, self.head = nn.Dropout(0.5), nn.LeakyReLU(inplace=True), nn.Linear(3 * WIDTH, 2)

    def forward(self, data):
        edge_attr, x, states, total = self.edge(data.edge_attr), data.x, [], 0
        for k, norm in enumerate(self.norms):
            new = self.again(x, data.edge_index, edge_attr) if k else self.first(x, data.edge_index)
            new = self.drop(self.act(norm(new))) * 2
            new += x if k else 1
            x = torch.where(new > 0, new, new * 0.5) - 0.1 * x.mean(dim=1, keepdim=True)
            states.append(global_add_pool(x, data.batch))
            total += x
        return self.head(torch.cat([*states[:2], global_add_pool(total, data.batch)], dim=-1))


@pytest.mark.parametrize("accelerate", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_residuals_norms_and_shared_weights_are_exact(training, accelerate):
    model = randomised(Everything()).train(training)
    model.drop.p = 0.0 if training else 0.5
    assert difference(model, graphs(directed=True), depth=3, accelerate=accelerate) < 1e-9


@pytest.mark.parametrize("accelerate", [False, True])
def test_half_precision_is_as_near_as_that_of_an_ordinary_batch(accelerate):
    model, data = Net(EDGES["GATConv"], True), graphs()
    for graph in data:
        graph.x, graph.edge_attr = graph.x.float(), graph.edge_attr.float()
    expected = model(Batch.from_data_list(data))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.allclose(lossless(data, 2, accelerate=accelerate).run(model).float(), expected, atol=0.05)


def test_dropout_has_one_mask_per_distinct_tree():
    torch.manual_seed(0)
    ring = graphs(edges=False, number=1) * 3
    model = randomised(Net(lambda i: nn.Sequential() if i != 3 else pyg.GraphConv(3, WIDTH)))
    model.convs, model.norms = model.convs[:1], nn.ModuleList([nn.Dropout(0.5)])
    out = lossless(ring, 1).run(model)
    assert torch.equal(out[0], out[1])


def test_a_model_is_as_before_and_takes_ordinary_batches_meanwhile():
    model, data = randomised(Net(EDGES["GATConv"], True)), graphs()
    model.convs[0].fill_value = 1.0
    batch, before = Batch.from_data_list(data), {name: set(vars(m)) for name, m in model.named_modules()}
    model.eval()
    expected = model(batch)
    with running(model):
        with running(model):
            assert torch.equal(model(batch), expected)
        assert torch.allclose(model(lossless(data, 2)), expected)
    assert torch.equal(model(batch), expected)
    assert {name: set(vars(m)) for name, m in model.named_modules()} == before
    assert pyg.pool.glob.scatter is ORIGINAL["scatter"]


def test_contexts_may_end_in_any_order():
    model = Net(NODES["GraphConv"])
    first, second = running(model), running(model)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert pyg.pool.glob.scatter is not ORIGINAL["scatter"]
    second.__exit__(None, None, None)
    assert pyg.pool.glob.scatter is ORIGINAL["scatter"]
    assert "propagate" not in vars(model.convs[0])
