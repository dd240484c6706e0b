from dataclasses import replace

import numpy as np
import pytest
import torch
from torch_geometric.utils import is_undirected

from graphdistill.datasets import load
from graphdistill.kd.data.graphs import GraphView
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.nodes import NodeView
from graphdistill.kd.data.text import text_view
from graphdistill.kd.data.transformed import transformed
from tests.kd.samples import images, nodes, texts
from tests.kd.test_distill import graphs


def test_images_are_rotated_by_right_angles():
    view = ImageView(images(), labelled=images().train[:5])
    found = transformed(view, 4)
    assert found[0] is view
    for j, other in enumerate(found):
        wanted = torch.from_numpy(np.rot90(images().images.numpy(), j, (2, 3)).copy())
        assert torch.equal(other.data.images, wanted)
        assert torch.equal(other.labelled, view.labelled)


def test_columns_and_edges_of_nodes_are_hidden_in_both_directions():
    view = NodeView(nodes())
    first, second, third = transformed(view, 3, hidden=0.3, seed=1)
    assert first is view
    hidden = [(other.data.x == 0).all(0) for other in (second, third)]
    assert [int(columns.sum()) for columns in hidden] == [3, 3]
    assert not torch.equal(*hidden)
    for other in (second, third):
        assert is_undirected(other.data.edge_index)
        assert 0.4 * 120 < other.data.edge_index.shape[1] < 120
    again = transformed(view, 2, hidden=0.3, seed=1)[1].data
    assert torch.equal(again.edge_index, second.data.edge_index)


def test_graphs_stay_apart():
    view = GraphView(load(graphs()))
    (_, other) = transformed(view, 2, hidden=0.5)
    before, after = view.data.graphs, other.data.graphs
    assert torch.equal(after.node_ptr, before.node_ptr)
    assert 0 < after.edge_index.shape[1] < before.edge_index.shape[1]
    for i in range(len(before)):
        old = {tuple(edge) for edge in before[i].edge_index.T.tolist()}
        new = {tuple(edge) for edge in after[i].edge_index.T.tolist()}
        assert new <= old
        assert new == {(b, a) for a, b in new}
    assert (after.x == 0).all(0).sum() == 2
    assert other.inputs(torch.tensor([1, 2]))["edge_index"].shape[1] == sum(
        after[i].edge_index.shape[1] for i in (1, 2)
    )


def test_what_cannot_be_transformed_is_refused():
    wide = ImageView(replace(images(), images=images().images[..., :6]))
    assert transformed(wide, 2)[1].data.images.shape == wide.data.images.shape
    with pytest.raises(ValueError, match="images of 8 x 6 pixels change their shape in 4 rotations; choose 2 views"):
        transformed(wide, 4)
    with pytest.raises(ValueError, match="in 2 or 4 views, got 3"):
        transformed(wide, 3)
    with pytest.raises(ValueError, match="texts have no transformations"):
        transformed(text_view(texts()), 2)
