import pytest
import torch
from torch_geometric.data import Data, HeteroData, InMemoryDataset

from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.graphs import Graphs
from graphdistill.mirage.layered.loader import lossless
from graphdistill.mirage.layered.source import ordinary, read
from tests.mirage.layered.samples import graphs

LINE = torch.tensor([[0, 1], [1, 0]])


class Stored(InMemoryDataset):
    def __init__(self, data):
        super().__init__(None)
        self.data, self.slices = self.collate(data)


def test_all_kinds_of_graphs_are_read_alike():
    data = graphs()
    flat, y = Graphs.from_data_list(data), torch.cat([d.y for d in data])
    none = torch.tensor([0])
    dataset = GraphDataset("toy", flat, y, none, none, none, "accuracy", "continuous")
    for source in (data, Stored(data), flat, dataset):
        found = read(source)
        assert torch.equal(found.graphs.x, flat.x)
        assert torch.equal(found.graphs.edge_index, flat.edge_index)
        assert ("y" in found.attributes) is (source is not flat)
        back = ordinary(source)
        assert [d.num_nodes for d in back] == [d.num_nodes for d in data]
        if source is not flat:
            assert torch.equal(found.attributes["y"], y)
            assert torch.equal(torch.cat([d.y for d in back]), y)


def test_attributes_of_graphs_travel_and_those_of_nodes_do_not():
    more = {"u": torch.rand(1, 3), "scale": 0.5, "smiles": "CC", "pos": torch.rand(2, 3), "w": torch.rand(2, 1)}
    one = Data(x=torch.ones(2, 1), edge_index=LINE, y=torch.tensor(1.0), **more)
    two = Data(x=torch.ones(3, 1), edge_index=LINE, y=torch.tensor(2.0), **{**more, "pos": torch.rand(3, 3)})
    batch = lossless([one, two, one, two], 1)
    assert batch.y.tolist() == [1, 2, 1, 2]
    assert batch.u.shape == (4, 3)
    assert batch.scale.tolist() == [0.5] * 4
    assert batch["smiles"] == ["CC"] * 4
    assert batch.edge_attr is None
    assert "u" in batch
    assert "pos" not in batch
    with pytest.raises(
        AttributeError, match=r"^pos has a row per node, and trees are made of x and edge_attr alone; app"
    ):
        batch.pos  # noqa: B018
    with pytest.raises(AttributeError, match=r"^w has a row per edge"):
        batch.w  # noqa: B018
    with pytest.raises(
        AttributeError, match=r"^a layered batch has no mask; it has x, edge_index.*, scale, smiles, u, y$"
    ):
        batch.mask  # noqa: B018


def test_numbers_stay_numbers():
    data = [Data(x=torch.tensor([3, 4]), edge_index=LINE, edge_attr=torch.tensor([5, 5]))] * 4
    for loops in (False, True):
        if loops:
            data = [Data(x=d.x, edge_index=LINE * 0, edge_attr=d.edge_attr) for d in data]
        batch = lossless(data, 1)
        assert sorted(batch.x.as_subclass(torch.Tensor).unique().tolist()) == [3, 4]
        assert batch.edge_attr.as_subclass(torch.Tensor).tolist() == [5]
        assert batch.x.dtype == batch.edge_attr.dtype == torch.long


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([Data(x=torch.ones(2, 1), edge_index=LINE, y=torch.tensor([0, 1]))], "y has one target per node; lossless"),
        (
            [Data(x=torch.ones(3, 1), edge_index=LINE, y=torch.tensor([0, 1]))],
            "y has one target per edge; lossless training takes one row of targets per graph",
        ),
        (
            [Data(x=torch.ones(3, 1), edge_index=LINE, y=torch.zeros(5))],
            "y has targets of several rows per graph; lossless training takes one row of targets per graph",
        ),
        ([Data(edge_index=LINE, num_nodes=2)], r"graphs\[0\] has no x; trees are made of x and edge_index"),
        ([Data(x=torch.ones(2, 1))], r"graphs\[0\] has no edge_index"),
        ([HeteroData()], r"graphs\[0\] is a HeteroData; give torch_geometric Data objects"),
        ([], "graphs: the list is empty"),
    ],
)
def test_other_input_is_refused(data, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        read(data)
