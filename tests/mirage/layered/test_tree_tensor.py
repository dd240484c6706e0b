"""What mixes nodes is refused, with the name of the module that does it."""

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn
from torch_geometric.data import Batch
from torch_geometric.nn import global_add_pool
from torch_geometric.utils import dropout_edge

from graphdistill.mirage.layered.loader import lossless
from graphdistill.mirage.layered.rows import Rows
from graphdistill.mirage.layered.tree_tensor import tag
from tests.mirage.layered.samples import WIDTH, graphs


class Calls(nn.Module):
    """A convolution, then something, then another convolution."""

    def __init__(self, between):
        super().__init__()
        self.inner = Between(between)
        self.first, self.second = pyg.GraphConv(3, WIDTH), pyg.GraphConv(WIDTH, 2)

    def forward(self, data):
        x = self.inner(self.first(data.x, data.edge_index), data)
        return global_add_pool(self.second(x, data.edge_index), data.batch)


class Between(nn.Module):
    def __init__(self, between):
        super().__init__()
        self.between = between

    def forward(self, x, data):
        return self.between(x, data)


REFUSED = {
    "virtual node": (lambda x, d: x + global_add_pool(x, d.batch)[d.batch], "passes on what its graph gave"),
    "all nodes": (lambda x, d: x - x.mean(dim=0), "calls mean, which may mix nodes"),
    "default": (lambda x, d: x / x.norm(), "calls norm, which may mix nodes"),
    "columns": (lambda x, d: nn.functional.normalize(x, dim=0), "calls normalize, which may mix nodes"),
    "largest": (lambda x, d: x / x.max(), "calls max over all nodes"),
    "softmax": (lambda x, d: x.softmax(0), "calls softmax, which may mix nodes"),
    "order": (lambda x, d: x + torch.randn(len(x), 1), "calls add with a tensor of one row per node"),
    "matrix": (lambda x, d: (x @ x.T) @ x, "calls T, which may mix nodes"),
    "batches": (lambda x, d: torch.matmul(torch.ones(len(x), len(x)), x), "calls matmul with nodes on both sides"),
    "mask": (lambda x, d: x[x[:, 0] > 0], "picks values by an index tensor"),
    "last": (lambda x, d: x + x[..., -1, :], "picks some nodes"),
    "row": (lambda x, d: x + x[0], "picks some nodes"),
    "some": (lambda x, d: x[:3], "picks some nodes"),
    "stack": (lambda x, d: torch.stack([x, x]).sum(0), "calls stack, which may mix nodes"),
    "reshape": (lambda x, d: x.view(-1, WIDTH // 2), "calls view, which may mix nodes"),
    "edges": (lambda x, d: x[d.edge_index[0]], "reads edge_index itself"),
    "dropped edges": (lambda x, d: x * len(dropout_edge(d.edge_index)), "reads edge_index itself"),
    "recurrent": (lambda x, d: nn.GRU(WIDTH, WIDTH).double()(x)[0], "calls gru, which may mix nodes"),
    "gather": (lambda x, d: x.gather(0, torch.zeros(1, WIDTH).long()), "calls gather, which may mix nodes"),
    "layer norm": (lambda x, d: nn.functional.layer_norm(x, x.shape), "normalises over all nodes"),
    "shuffled": (lambda x, d: x.index_select(0, torch.randperm(len(x))), "picks some nodes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_mixes_nodes_is_refused(name):
    between, message = REFUSED[name]
    where = r"second \(GraphConv\)" if name == "virtual node" else r"inner(\.\w+)? \((Between|GRU)\)|the model \(GRU\)"
    with pytest.raises(ValueError, match=rf"^({where}) {message}.*not exact on distinct trees; train it on ordinary"):
        lossless(graphs(), 2).run(Calls(between).double())


def test_a_value_of_an_earlier_layer_grows_in_place_if_it_has_one_name():
    model = Calls(lambda x, d: x).double()
    batch = lossless(graphs(), 2)

    def forward(data):
        x = model.first(data.x, data.edge_index)
        y = model.second(x, data.edge_index)
        old = x
        x += y.repeat(1, WIDTH // 2)
        return old if aliased else x

    model.forward, aliased = forward, False
    expected = model.forward(Batch.from_data_list(graphs()))
    out = batch.run(model)
    assert out.rows.counts.sum() == len(expected)
    assert torch.allclose(out.as_subclass(torch.Tensor).sum(1).sort()[0].unique()[0], expected.sum(1).min())
    aliased = True
    old = batch.run(model)
    with pytest.raises(ValueError, match="changes a value of an earlier layer in place and reads it by another name"):
        old + 1


def test_kinds_of_rows_that_do_not_meet_are_refused():
    one, two = (tag(torch.ones(2), Rows(name, 2, lambda: torch.ones(2).long())) for name in ("edges", "nodes"))
    with pytest.raises(ValueError, match="combines edges with nodes"):
        one + two


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.squeeze(),
        lambda x: x.flatten(1),
        lambda x: x.transpose(1, 2),
        lambda x: x.unsqueeze(-1),
        lambda x: torch.stack([x, x], dim=-1).max(dim=-1)[0],
        lambda x: torch.cat([x, 2 - x], dim=1).chunk(2, dim=1)[0],
        lambda x: x[..., 0],
        lambda x: x[:, None],
        lambda x: x.topk(1)[0],
        lambda x: x.repeat(1, 2, 1),
        lambda x: x[:, :1].expand(-1, 3, -1),
        lambda x: torch.maximum(x, x.flip([1])).clamp(min=0).float(),
        lambda x: x.sum(dim=(1, 2)),
        lambda x: nn.functional.glu(x),
        lambda x: x.reshape(-1, 4, 1),
        lambda x: (x > 0).any(dim=-1) & (x > 9).all(dim=2),
        lambda x: x * (x > 0).any() + (x > 0).all(),
        lambda x: ~(x > 0) | (x == 1),
        lambda x: 1 / (1 + x**2) - 2 % x,
    ],
)
def test_operations_of_each_row_are_those_of_torch(call):
    x = torch.linspace(-1, 2, 6).view(3, 2, 1).expand(3, 2, 2).contiguous()
    out = call(tag(x, Rows("nodes", 3, lambda: torch.ones(3).long())))
    assert torch.equal(out.as_subclass(torch.Tensor), call(x))
    assert out.rows.size == 3
