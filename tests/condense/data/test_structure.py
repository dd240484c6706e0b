from __future__ import annotations

import torch
import torch.nn.functional as F

from graphdistill.condense.data.nodes import LearnableNodes
from graphdistill.condense.data.structure import LinkedNodes, PairMLP
from graphdistill.core.evaluation.nodes import dense
from graphdistill.core.networks.node_gcn import NodeGCN
from graphdistill.core.randomness import scoped
from tests.condense.samples import seeded
from tests.second_device import second_device


def linked() -> LinkedNodes:
    with scoped(0, "structure"):
        return LinkedNodes(torch.rand(5, 3, generator=seeded()), torch.arange(5) % 2, torch.tensor([1.0, 0.5, 0.0]))


def test_it_is_the_perceptron_of_all_pairs_and_symmetric() -> None:
    x = torch.rand(5, 3, generator=seeded())
    with scoped(0, "mlp"):
        mlp = PairMLP(3)
    first = torch.cat([mlp.source.weight, mlp.target.weight], dim=1)
    index = torch.stack([F.linear(torch.cat([x[i], x[j]]), first, mlp.target.bias) for i in range(5) for j in range(5)])
    h = F.relu((index - index.mean(0)) / (index.var(0, unbiased=False) + 1e-5).sqrt())
    h = mlp.hidden(h)
    h = F.relu((h - h.mean(0)) / (h.var(0, unbiased=False) + 1e-5).sqrt())
    m = mlp.out(h).view(5, 5)
    wanted = torch.sigmoid((m + m.T) / 2)
    wanted.fill_diagonal_(0)
    found = mlp(x)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    assert torch.equal(found, found.T)


def test_nodes_begin_as_good_as_alone() -> None:
    assert float(linked().adjacency().detach().max()) < 0.1


def test_a_network_reads_the_frozen_set_as_it_was_learnt_where_all_edges_are_kept() -> None:
    synthetic = linked()
    with torch.no_grad():
        synthetic.mlp.out.bias.fill_(3.0)
    weight = synthetic.adjacency().detach()
    assert float(weight[~torch.eye(5, dtype=torch.bool)].min()) > 0.5
    frozen = synthetic.freeze()
    assert frozen.edges is not None
    assert frozen.edges[0].shape == (2, 20)
    with scoped(0, "net"):
        net = NodeGCN(3, 2)
    spread = dense(*frozen.edges, 5)
    torch.testing.assert_close(
        net(synthetic.inputs()), net(type(synthetic.inputs())(spread @ frozen.data, spread)), rtol=1e-2, atol=1e-3
    )


def test_what_is_learnt_has_names_and_a_constant_column_has_no_effect() -> None:
    synthetic = linked()
    assert set(synthetic.parameters()) == {"x", *(f"edge.{name}" for name, _ in synthetic.mlp.named_parameters())}
    before = synthetic.adjacency()
    synthetic.origin[:, 2] += 100
    torch.testing.assert_close(synthetic.adjacency(), before)
    assert isinstance(synthetic, LearnableNodes)


def test_gradients_reach_edges_and_features() -> None:
    synthetic = linked()
    with scoped(0, "net"):
        net = NodeGCN(3, 2)
    synthetic.backward(F.cross_entropy(net(synthetic.inputs()), synthetic.y))
    assert all(
        value.grad is not None and bool(value.grad.isfinite().all()) for value in synthetic.parameters().values()
    )


def test_on_another_device_its_network_goes_along() -> None:
    here = linked()
    with second_device() as device:
        there = here.to(device)
        assert here.to("cpu") is here
        assert there.adjacency().device == device
        assert here.mlp.out.weight.device.type == "cpu"
        assert all(value is there.extra[f"edge.{name}"] for name, value in there.mlp.named_parameters())
        torch.testing.assert_close(there.adjacency().cpu(), here.adjacency())
        assert torch.equal(there.freeze().y, here.freeze().y)
