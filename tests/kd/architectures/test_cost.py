import pytest
from torch_geometric import nn as pyg

from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.networks.transformer import Transformer
from graphdistill.kd.architectures.cost import cost_function, multiply_adds, parameters, within
from graphdistill.kd.architectures.space import space_of
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.nodes import NodeView
from graphdistill.kd.data.text import text_view
from tests.kd.samples import images, nodes, texts


def test_multiply_adds_by_hand():
    view = ImageView(images())
    assert multiply_adds(ConvNet((1, 8, 8), 3, 4, 2), view) == 64 * 9 * 4 + 16 * 9 * 4 * 4 + 4 * 4 * 3
    graph = NodeView(nodes())
    assert multiply_adds(pyg.GCN(10, 8, 2, 10), graph) == 10 * 8 + 8 * 10
    assert multiply_adds(pyg.MLP([10, 8, 10], norm=None), graph) == 10 * 8 + 8 * 10
    text, width, tokens = text_view(texts()), 8, 6
    block = tokens * 4 * width**2 + 2 * tokens**2 * width + 2 * tokens * width * 2 * width
    network = Transformer(5, 6, 3, width=width, depth=2, heads=2, ratio=2)
    assert multiply_adds(network, text) == 2 * block + 3 * width
    assert parameters(pyg.MLP([10, 8, 10], norm=None)) == 88 + 90


@pytest.mark.parametrize("kind", ["parameters", "multiply-adds"])
def test_what_fits_is_what_a_loop_over_all_finds(kind):
    view = NodeView(nodes())
    student = pyg.MLP([10, 16, 10], norm=None)
    space, cost = space_of(student, view), cost_function(kind, view)
    found = within(space, cost, cost(student))
    for choice in space.choices():
        value = cost(space.build(choice))
        assert (choice in found) == (value <= cost(student))
        assert found.get(choice, value) == value
    assert (16, 1) in found
    assert (16, 2) not in found


def test_a_budget_below_all_students_names_the_smallest():
    view = ImageView(images())
    space = space_of(ConvNet((1, 8, 8), 3, 8), view)
    least = parameters(ConvNet((1, 8, 8), 3, 4, 1))
    other = parameters(ConvNet((1, 8, 8), 3, 4, 2))
    smallest = min((least, 1), (other, 2))
    with pytest.raises(
        ValueError,
        match=f"--budget 100 is below the cost of every ConvNet in the space; the smallest .width 4, depth "
        f"{smallest[1]}. costs {smallest[0]}",
    ):
        within(space, parameters, 100)
