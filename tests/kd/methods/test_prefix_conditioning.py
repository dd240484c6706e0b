from dataclasses import replace

import pytest
import torch
from torch import nn

from graphdistill.core.networks.ngrams import NGrams
from graphdistill.core.networks.transformer import Transformer
from graphdistill.datasets import load_domains
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.evaluate import build
from graphdistill.kd.methods import prefix_conditioning
from graphdistill.kd.objective import Context
from graphdistill.kd.training import fit_objective
from tests.kd.methods.checks import train
from tests.kd.samples import mlp, nodes, nodes_context, texts

HYPERPARAMETERS = {"steps": 120, "batch_size": 40, "lr": 0.02, "weight_decay": 0.0}


def shifted():
    """Two sources of the same two texts, whose labels are 1 in 80 % of the one and 20 % of the other."""
    y = torch.arange(90) % 10
    first = replace(texts(), tokens=texts().tokens[:2].repeat(45, 1), y=(y < 8).long())
    data, domain = load_domains([first, replace(first, y=(y < 2).long())])
    return view_of(data, domain=domain)


@pytest.mark.parametrize(("kind", "source", "share"), [("NGrams", 0, 0.8), ("NGrams", 1, 0.2), ("Transformer", 1, 0.2)])
def test_each_source_has_its_own_frequency_of_labels(kind, source, share):
    torch.manual_seed(0)
    view = shifted()
    view.TRAINING = replace(view.TRAINING, eval_every=1000)  # the last step is kept
    student = NGrams(5, 2, buckets=8) if kind == "NGrams" else Transformer(5, 6, 2, width=8, depth=1)
    teacher = NGrams(5, 2, buckets=8)
    names = list(student.state_dict())
    context = Context(student=student, teacher=teacher, data=view, **HYPERPARAMETERS)
    config = prefix_conditioning.Config(source=source, weight=0.0, label_weight=1.0)
    prefix_conditioning.distill(context, config)
    found = student.eval()(view.data.tokens[:2]).softmax(dim=1)[:, 1]
    assert list(student.state_dict()) == names
    torch.testing.assert_close(found, torch.full((2,), share), atol=0.12, rtol=0)


def test_batches_are_of_one_source_and_as_frequent_as_its_entries():
    view = shifted()
    context = Context(student=mlp(), teacher=mlp(), data=view, **HYPERPARAMETERS)
    prefix = prefix_conditioning.Prefix(2, 16, 0)
    found = prefix_conditioning.objective(context, prefix_conditioning.Config(), prefix)
    seen = []
    for _ in range(200):
        place = found.sample(40)
        (source,) = view.domain[view.train[place]].unique().tolist()
        assert (source, len(place)) == (prefix.source, 40)
        seen.append(source)
    assert 0.4 < sum(seen) / 200 < 0.6
    assert len(found.sample(1000)) == 60


@pytest.mark.parametrize("name", ["MLP", "GCN", "GraphSAGE", "GAT"])
def test_the_prefix_is_a_part_of_the_student_in_the_end(name, monkeypatch):
    data, domain = load_domains([nodes(), replace(nodes(), x=2 * nodes().x)])
    view, seen = view_of(data, domain=domain), []
    student = build(view, name, "student", 0)
    names = list(student.state_dict())

    def fit(context, objective, eval_every):
        found = fit_objective(context, objective, eval_every=eval_every)
        objective.module.source = 0  # in evaluation mode the chosen one counts
        with torch.no_grad():
            objective.module.vectors += torch.arange(2.0)[:, None]
        seen.append(view.logits(student, "test"))
        return found

    monkeypatch.setattr(prefix_conditioning, "fit_objective", fit)
    train(student, mlp(1), view, prefix_conditioning.Config(source=1), steps=3)
    torch.testing.assert_close(view.logits(student, "test"), seen[0])
    assert list(student.state_dict()) == names


def test_a_student_is_trained_and_the_same_seed_gives_the_same_bytes():
    data, domain = load_domains([nodes(), replace(nodes(), x=2 * nodes().x)])
    found = []
    for _ in range(2):
        student = mlp(0)
        train(student, mlp(1), view_of(data, domain=domain), prefix_conditioning.Config(source=1), steps=5)
        found.append(torch.cat([value.view(-1) for value in student.state_dict().values()]))
    assert torch.equal(*found)


def test_validation_is_that_of_the_chosen_source():
    context = replace(nodes_context(), data=shifted())
    view = prefix_conditioning._of_source(context, 1).data
    assert view.domain[view.data.valid].tolist() == [1] * 15
    assert len(context.data.data.valid) == 30


@pytest.mark.parametrize(
    ("network", "layer", "name"),
    [
        (Transformer(5, 6, 2, width=8), "embedding", "weight"),
        (NGrams(5, 2), "bag", "weight"),
        (mlp(), "1", "bias"),
        (nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2)), "1", "bias"),
    ],
)
def test_the_first_layer_is_found(network, layer, name):
    assert prefix_conditioning.first_layer(network) == (network.get_submodule(layer), name)


def test_what_has_no_prefix_is_refused():
    with pytest.raises(ValueError, match="Linear has no embedding and no layer with a bias"):
        prefix_conditioning.first_layer(nn.Linear(2, 2, bias=False))
    with pytest.raises(ValueError, match="prefix-conditioning needs two domains or more, but ring is one"):
        prefix_conditioning.distill(nodes_context(), prefix_conditioning.Config())
    with pytest.raises(ValueError, match=r"--source must be a domain from 0 to 1, those of .*, got 2"):
        prefix_conditioning.check(shifted(), prefix_conditioning.Config(source=2))
    with pytest.raises(ValueError, match="--source must be 0 or more, got -1"):
        prefix_conditioning.Config(source=-1)
