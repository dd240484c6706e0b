import pytest
import torch
import torch.nn.functional as F
from torch import nn

from graphdistill.compress.adaptive import (
    AdaptiveLayer,
    adaptive_layers,
    learners_of,
    replaceable,
    set_budget,
    share_used,
    use_of,
)
from graphdistill.compress.methods.adaptive_width import Config, adaptive
from graphdistill.kd.architectures.cost import multiply_adds
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.evaluate import build
from tests.kd.samples import images, nodes, windows


def feed_forward(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 12), nn.GELU(), nn.Linear(12, 5))


def layer_of(part, learners=3):
    torch.manual_seed(1)
    return learners_of(part, learners, 4).eval()


def by_hand(layer, x, count):
    """The first learners one by one."""
    out = layer.up.bias.expand(len(x), -1).clone()
    for i in range(count):
        own = slice(i * layer.size, (i + 1) * layer.size)
        bias = None if layer.down.bias is None else layer.down.bias[own]
        out += layer.activation(F.linear(x, layer.down.weight[own], bias)) @ layer.up.weight[:, own].T
    return out


def test_all_slices_of_a_feed_forward_part_are_the_part():
    part, x = feed_forward(), torch.rand(7, 6)
    layer = layer_of(part)
    torch.testing.assert_close(layer.prefixes(x)[-1], part(x))
    sizes = (layer.down.weight.norm(dim=1) * layer.up.weight.norm(dim=0)).tolist()
    assert sizes == sorted(sizes, reverse=True)
    assert layer.learners * layer.learner_cost == 6 * 12 + 12 * 5


def test_learners_of_a_linear_layer_are_its_best_low_rank_approximations():
    part, x = nn.Linear(8, 24), torch.rand(7, 8)
    layer = layer_of(part)
    u, s, v = torch.linalg.svd(part.weight.detach(), full_matrices=False)
    for count in range(4):
        rank = count * layer.size
        expected = F.linear(x, (u[:, :rank] * s[:rank]) @ v[:rank], part.bias)
        torch.testing.assert_close(layer.prefixes(x)[count], expected, atol=1e-5, rtol=1e-4)
    assert layer.learners * layer.learner_cost <= 8 * 24
    assert learners_of(nn.Linear(4, 2), 3, 4) is None


def test_every_row_gets_the_learners_that_its_gate_wants():
    layer, x = layer_of(feed_forward()), torch.randn(4, 9, 6)
    with torch.no_grad():
        layer.gate[2].bias.zero_()
        layer.gate[2].weight.mul_(20)
    out = layer(x)
    assert layer.used.shape == (4, 9)
    assert len(layer.used.unique()) > 1
    for row, number, found in zip(x.view(-1, 6), layer.used.view(-1), out.view(-1, 5), strict=True):
        torch.testing.assert_close(found, by_hand(layer, row[None], int(number))[0])
    for count in range(4):
        torch.testing.assert_close(layer.prefixes(x.view(-1, 6))[count], by_hand(layer, x.view(-1, 6), count))
    for count in (1, 2):
        short = layer.truncated(count)
        torch.testing.assert_close(short(x.view(-1, 6)), by_hand(layer, x.view(-1, 6), count))
        assert short.gate is None


def test_gates_that_draw_have_a_gradient_and_the_outputs_of_what_they_drew():
    layer, x = layer_of(feed_forward()).train(), torch.rand(9, 6)
    torch.manual_seed(2)
    out = layer(x)
    number = layer.used.argmax(-1)
    assert len(number.unique()) > 1
    for row, count, found in zip(x, number, out, strict=True):
        torch.testing.assert_close(found, by_hand(layer, row[None], int(count))[0])
    out.sum().backward()
    assert float(layer.gate[0].weight.grad.norm()) > 0


def test_an_exported_layer_gives_every_row_the_same_learners():
    layer, x = layer_of(feed_forward()), torch.randn(40, 6)
    rows = {0: torch.export.Dim("rows")}
    exported = torch.export.export(layer, (x,), dynamic_shapes=(rows,)).module()
    for part in (x, x[:7]):
        torch.testing.assert_close(exported(part), layer(part))
    assert layer.used.unique().numel() > 1


def test_a_price_makes_learners_dear():
    layer, x = layer_of(feed_forward()), torch.rand(9, 6)
    numbers = []
    for price in (-50.0, 0.0, 50.0):
        layer.price.fill_(price)
        layer(x)
        numbers.append(layer.used)
    assert numbers[0].unique().tolist() == [3]
    assert numbers[2].unique().tolist() == [0]


def test_feed_forward_parts_come_first():
    net = nn.Sequential(nn.Linear(6, 6), feed_forward(), nn.Linear(5, 5), nn.Linear(5, 2))
    called = [net[0], net[1][0], net[1][2], net[2], net[3]]
    assert list(replaceable(net, called, everything=False)) == ["1"]
    assert sorted(replaceable(net, called, everything=True)) == ["0", "1", "2"]
    # A layer that is called twice has two inputs.
    assert sorted(replaceable(net, [*called, net[0], net[3]], everything=True)) == ["1", "2"]


@pytest.mark.parametrize(
    ("data", "name"), [(images, "MLP"), (images, "ViT-32"), (nodes, "GCN"), (windows, "Transformer-32")]
)
def test_shares_are_those_that_torch_counts(data, name):
    view = view_of(data())
    network = build(view, name, "student", 0).eval()
    plain = multiply_adds(network, view)
    config = Config(gate_width=4)
    adaptive(network, view, config)
    layers = adaptive_layers(network)
    assert layers
    full = sum(layer.learners * layer.learner_cost for layer in layers.values())
    rows = {path: used.numel() for path, used in use_of(network, view, view.train[:1]).items()}
    entries = len(view.data.y) if view.KIND == "nodes" else 1
    (each,) = {count / entries for count in rows.values()}
    counted = multiply_adds(network, view)
    others = plain - each * _cost_of_parts(build(view, name, "student", 0), layers)
    assert counted == pytest.approx(others + each * full * share_used(network), abs=1)
    assert isinstance(next(iter(layers.values())), AdaptiveLayer)
    for budget in (0.3, 0.8):
        found = set_budget(network, view, budget, view.train)
        assert found <= budget
        assert share_used(network) == pytest.approx(found)


def _cost_of_parts(network, layers):
    parts = [network.get_submodule(path) for path in layers]
    weights = [part.weight for part in parts if hasattr(part, "weight")]
    return sum(w.numel() for w in weights) + sum(
        layer.weight.numel() for part in parts if isinstance(part, nn.Sequential) for layer in (part[0], part[2])
    )
