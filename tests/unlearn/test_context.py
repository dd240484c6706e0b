import pytest
import torch
from torch import nn
from torch_geometric.nn import GCN

from graphdistill.kd.data.nodes import NodeView
from graphdistill.unlearn.context import Context, of_classes, rest_of
from tests.kd.samples import nodes
from tests.unlearn.samples import context


def test_the_rest_is_as_if_the_forgotten_had_never_been_there():
    view, forget = NodeView(nodes()), torch.tensor([3, 13])
    rest = rest_of(view, forget).data
    assert rest.train.tolist() == [i for i in range(20) if i not in (3, 13)]
    assert 3 not in rest.y[rest.valid]  # the last training node of class 3 is gone
    assert set(rest.valid.tolist()) == {i for i in view.data.valid.tolist() if i % 10 != 3}
    assert not {3, 13} & set(rest.edge_index.flatten().tolist())
    kept = [edge for edge in view.data.edge_index.T.tolist() if not {3, 13} & set(edge)]
    assert rest.edge_index.T.tolist() == kept
    assert torch.equal(rest.test, view.data.test)


def test_no_other_node_reads_the_features_of_a_forgotten_one():
    view, forget = NodeView(nodes()), torch.tensor([3])
    torch.manual_seed(0)
    network, rest = GCN(10, 8, 2, 10).eval(), rest_of(view, forget)
    others = torch.arange(60)[torch.arange(60) != 3]
    before = rest.predict(network, others).logits
    rest._x = rest._x.clone()
    rest._x[3] += 100.0
    assert torch.equal(rest.predict(network, others).logits, before)
    assert not torch.equal(view.predict(network, others).logits, before)


def test_entries_of_classes():
    assert of_classes(torch.tensor([2, 0, 2]), torch.tensor([0, 1]), torch.tensor([2])).tolist() == [0]


def test_features_are_rows_of_entries_and_the_head_is_the_last_linear_layer():
    found = context()
    index = found.forget[:3]
    pixels = found.whole.data.images[index].flatten(1)
    expected = found.model[1](pixels).relu()
    torch.testing.assert_close(found.forgotten_features(index, "penultimate"), expected)
    torch.testing.assert_close(found.remaining_features(index, "2"), expected)
    assert found.head is found.model[3]
    assert torch.isin(found.remaining, found.forget).sum() == 0


def test_a_layer_without_a_row_for_each_entry_is_refused():
    class Pooled(nn.Module):
        def __init__(self):
            super().__init__()
            self.pixel, self.last = nn.Linear(1, 3), nn.Linear(3, 3)

        def forward(self, images):
            return self.last(self.pixel(images.reshape(-1, 1)).view(len(images), -1, 3).mean(dim=1))

    found = context()
    other = Context(model=Pooled(), whole=found.whole, forget=found.forget)
    with pytest.raises(ValueError, match="layer 'pixel' of Pooled gives 128 rows for 2 entries of rows; name a layer"):
        other.forgotten_features(found.forget[:2], "pixel")


def test_a_network_without_a_linear_layer_has_no_head():
    found = context()
    bare = Context(model=nn.Sequential(nn.Conv2d(1, 3, 8), nn.Flatten()), whole=found.whole, forget=found.forget)
    with pytest.raises(ValueError, match="Sequential has no linear layer that repair could train; leave it out"):
        _ = bare.head
