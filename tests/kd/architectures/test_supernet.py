import pytest
import torch
from torch_geometric import nn as pyg

from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.networks.transformer import Transformer
from graphdistill.kd.architectures.space import space_of
from graphdistill.kd.architectures.supernet import Supernet, leading
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.nodes import NodeView
from graphdistill.kd.data.text import text_view
from tests.kd.samples import images, nodes, texts


def transformers():
    space = space_of(Transformer(5, 6, 3, width=8, depth=1, heads=2), text_view(texts()))
    return text_view(texts()), space.split("width", 3)[0]


def graph_networks(kind):
    return NodeView(nodes()), space_of(kind, NodeView(nodes())).fixed(depth=kind.num_layers)


CASES = {
    "Transformer": (*transformers(), (8, 2, 2, 2)),
    "GCN": (*graph_networks(pyg.GCN(10, 8, 2, 10)), (6, 2)),
    "GAT": (*graph_networks(pyg.GAT(10, 8, 2, 10)), (6, 2)),
    "GraphSAGE": (*graph_networks(pyg.GraphSAGE(10, 8, 3, 10)), (4, 3)),
}


@pytest.mark.parametrize("case", CASES)
def test_a_subnet_computes_what_a_network_with_the_leading_weights_does(case):
    view, space, choice = CASES[case]
    supernet = Supernet(space).eval()
    network = supernet.extract(choice)
    assert [p.shape for p in network.parameters()] == [p.shape for p in space.build(choice).parameters()]
    index = view.train[:5]
    shared = supernet.subnet(choice)
    assert torch.equal(view.run(shared, index).logits, view.run(network, index).logits)
    view.run(shared, index).logits.square().sum().backward()
    view.run(network, index).logits.square().sum().backward()
    gradients = {path: value.grad for path, value in supernet.whole.named_parameters()}
    shapes = {path: value.shape for path, value in network.named_parameters()}
    # A layer that the sub-net does not have gets no gradient.
    part = leading({path: g for path, g in gradients.items() if path in shapes}, shapes)
    for path, value in network.named_parameters():
        assert torch.allclose(part[path], value.grad, atol=1e-6), path
    total = sum(float(g.abs().sum()) for g in gradients.values() if g is not None)
    assert total == pytest.approx(sum(float(p.grad.abs().sum()) for p in network.parameters()), rel=1e-4)


def test_queries_keys_and_values_are_cut_each():
    _, space, choice = CASES["Transformer"]
    supernet = Supernet(space)
    width = choice[0]
    big, small = (net.blocks[0].attention.qkv.weight for net in (supernet.whole, supernet.extract(choice)))
    for ours, theirs in zip(small.chunk(3), big.chunk(3), strict=True):
        assert torch.equal(ours, theirs[:width, :width])


def test_a_step_of_the_optimizer_changes_all_subnets_and_copies_stay():
    view, space, choice = CASES["GCN"]
    supernet = Supernet(space)
    copy, before = supernet.extract(choice), view.predict(supernet.subnet(choice), view.train).logits
    optimizer = torch.optim.SGD(supernet.parameters(), lr=0.1)
    view.run(supernet.subnet(supernet.largest), view.train).logits.square().mean().backward()
    optimizer.step()
    assert not torch.equal(view.predict(supernet.subnet(choice), view.train).logits, before)
    assert torch.equal(view.predict(copy, view.train).logits, before)


def test_the_mode_is_that_of_the_supernet():
    _, space, choice = CASES["Transformer"]
    supernet = Supernet(space)
    assert supernet.subnet(choice).training
    assert not supernet.eval().subnet(choice).training
    assert not supernet.extract(choice).training


def test_networks_with_buffers_are_refused():
    space = space_of(ConvNet((1, 8, 8), 3, 8, norm="batch"), ImageView(images()))
    with pytest.raises(ValueError, match="sub-nets of ConvNet cannot share running statistics"):
        Supernet(space)
