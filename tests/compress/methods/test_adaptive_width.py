import itertools
import math

import pytest
import torch
from torch import nn

from graphdistill.compress import compress_network, load_compressed, save_compressed
from graphdistill.compress.adaptive import AdaptiveLayer, adaptive_layers, share_used
from graphdistill.compress.context import Context
from graphdistill.compress.methods import adaptive_width
from graphdistill.compress.methods.adaptive_width import Config, adaptive, baselines, errors, gate_terms
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.distill import fit_labels
from graphdistill.kd.evaluate import build
from tests.kd.samples import images, molecules, nodes, windows

SHORT = KDConfig(steps=6, lr=0.01, eval_every=3)
FEW = {"learners": 4, "learner_steps": 6, "gate_steps": 4}


def layer_and_rows(count=40):
    torch.manual_seed(0)
    layer = AdaptiveLayer(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 3), learners=4, gate_width=6)
    return layer, torch.rand(count, 5), torch.rand(count, 3)


def test_the_terms_of_gates_are_those_of_pairs_and_probabilities():
    layer, x, _ = layer_and_rows()
    layer.train()(x)
    number = layer.used.argmax(-1)
    terms = gate_terms([layer, layer])
    cost = [layer.gate_cost + int(n) * layer.learner_cost for n in number]
    assert terms["share"].item() == pytest.approx(sum(cost) / (len(x) * 4 * layer.learner_cost))
    mean = number.bincount(minlength=5) / len(x)
    entropy = -sum(p * math.log(p) for p in mean.tolist() if p) / math.log(5)
    assert terms["entropy"].item() == pytest.approx(entropy, abs=1e-5)
    pairs = [abs(float(a - b)) / 4 for a, b in itertools.product(number, number)]
    assert terms["diversity"].item() == pytest.approx(2 * sum(pairs) / len(pairs), abs=1e-5)
    sum(terms.values()).backward()
    assert float(layer.gate[2].weight.grad.norm()) > 0


def test_labels_of_gates_are_the_least_numbers_that_are_good_enough_within_the_budget():
    layer, x, y = layer_and_rows()
    found = errors(layer, x, y)
    scale = y.square().mean()
    torch.testing.assert_close(found, (layer.prefixes(x) - y).square().mean(-1) / scale)
    for tolerance in (0.05, 0.3, 10.0):
        labels = adaptive_width._least(layer, x, y, tolerance)
        for row, label in enumerate(labels.tolist()):
            good = [n for n in range(5) if found[n, row] <= tolerance]
            assert label == (good[0] if good else 4)
    pairs = {"a": (layer, x, y)}
    for budget in (0.6, 0.9):
        tolerance = adaptive_width._tolerance(pairs, budget)
        numbers = adaptive_width._least(layer, x, y, tolerance)
        cost = len(x) * layer.gate_cost + int(numbers.sum()) * layer.learner_cost
        assert cost <= budget * len(x) * 4 * layer.learner_cost
        tighter = adaptive_width._least(layer, x, y, 0.5 * tolerance)
        assert int(tighter.sum()) >= int(numbers.sum())


def test_learners_are_trained_towards_the_layer_on_its_own_inputs(monkeypatch):
    view = view_of(images())
    network = fit_labels(build(view, "ViT-32", "teacher", 0), view, KDConfig(steps=20, eval_every=20))
    monkeypatch.setattr(adaptive_width, "fit", lambda *args, **words: None)

    def mean_error(steps):
        context = Context(network=build(view, "ViT-32", "teacher", 0), teacher=network, data=view, training=SHORT)
        context.network.load_state_dict(network.state_dict())
        found = adaptive_width.compress(context, Config(learner_steps=steps, gate_steps=1)).network
        path = "blocks.1.mlp"
        features = view.predict(network, view.data.valid, [path, f"{path}:input"]).features
        x, y = features[f"{path}:input"].flatten(0, -2), features[path].flatten(0, -2)
        return errors(found.get_submodule(path), x, y)[1:].mean().item()

    assert mean_error(60) < 0.6 * mean_error(1)


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (nodes, "GCN", {"gate_width": 1}),
        (molecules, "GIN-16", {"learners": 2, "gate_width": 1}),
        (windows, "Transformer-32", {}),
        (images, "MLP", {"layers": "all"}),
    ],
)
def test_networks_of_all_kinds_of_data_keep_to_the_budget(data, name, words, tmp_path):
    view = view_of(data())
    network = build(view, name, "teacher", 0)
    config = Config(budget=0.6, **{**FEW, **words})
    found = compress_network(network, data(), config, SHORT).network
    assert adaptive_layers(found)
    assert not any(isinstance(part, AdaptiveLayer) for part in network.modules())
    logits = view.predict(found, view.train).logits
    assert share_used(found) <= 0.75
    small = compress_network(network, data(), config, SHORT)
    save_compressed(small, tmp_path)
    again = load_compressed(adaptive(build(view, name, "teacher", 3), data(), config), tmp_path)
    other = (
        view.logits(again.network, "train") if view.KIND != "nodes" else view.predict(again.network, view.train).logits
    )
    assert torch.equal(logits, other)


def test_fixed_truncation_has_the_same_learners_without_gates():
    view = view_of(images())
    network = build(view, "ViT-32", "teacher", 0)
    (row,) = baselines(Config(budget=0.5, **FEW)).values()
    assert row == Config(budget=0.5, width="fixed", **FEW)
    assert baselines(row) == {}
    found = compress_network(network, images(), row, SHORT).network
    layers = [part for part in found.modules() if isinstance(part, AdaptiveLayer)]
    assert [(layer.learners, layer.gate) for layer in layers] == [(2, None)] * 2
    least = compress_network(network, images(), Config(budget=0.1, width="fixed", **FEW), SHORT).network
    assert {part.learners for part in least.modules() if isinstance(part, AdaptiveLayer)} == {1}


def test_a_network_without_layers_to_replace_is_refused():
    with pytest.raises(ValueError, match="has no feed-forward part and no linear layer before the last one that 8"):
        adaptive(build(view_of(images()), "ConvNet-8", "student", 0), images())
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    with pytest.raises(ValueError, match="Sequential has no feed-forward part"):
        adaptive(network, images())
    with torch.no_grad():
        network[1].weight[0, 0] = float("nan")
    with pytest.raises(ValueError, match=r"the weights 1\.weight hold NaN"):
        adaptive(network, images())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"budget": 0.0}, r"--budget must be above 0 and at most 1, got 0\.0"),
        ({"budget": 1.5}, r"--budget must be above 0 and at most 1, got 1\.5"),
        ({"learners": 0}, "--learners must be 1 or more, got 0"),
        ({"gate_width": 0}, "--gate-width must be 1 or more, got 0"),
        ({"learner_steps": 0}, "--learner-steps must be 1 or more, got 0"),
        ({"gate_steps": 0}, "--gate-steps must be 1 or more, got 0"),
        ({"temperature": 0.0}, "--temperature must be above 0, got 0"),
        ({"weight": -1.0}, "--weight must be 0 or more, got -1"),
        ({"budget_weight": -1.0}, "--budget-weight must be 0 or more, got -1"),
        ({"diversity_weight": float("nan")}, "--diversity-weight must be 0 or more, got nan"),
    ],
)
def test_options_out_of_range_are_refused(words, message):
    with pytest.raises(ValueError, match=message):
        Config(**words)
