import copy
from dataclasses import replace

import pytest
import torch
from torch_geometric.nn import GCN

from graphdistill.kd.methods import further_pretraining as method
from tests.kd.samples import images_context, nodes_context
from tests.kd.test_masked_autoencoder import vit


def context_on(kind):
    if kind == "images":
        return replace(images_context(), student=vit(), steps=40)
    torch.manual_seed(0)
    return replace(nodes_context(), student=GCN(10, 8, 2, 10), steps=40)


@pytest.mark.parametrize("kind", ["images", "nodes"])
def test_the_student_restarts_and_its_pre_trained_copy_is_the_teacher(kind, monkeypatch):
    context, seen, original = context_on(kind), [], method.pretrain_masked

    def recorded(context, config, teacher=None):
        before = copy.deepcopy(context.student.state_dict())
        original(context, config, teacher)
        seen.append((before, copy.deepcopy(context.student.state_dict()), teacher))

    monkeypatch.setattr(method, "pretrain_masked", recorded)
    assert method.distill(context, method.Config(pretraining_steps=5)).valid > 0.3
    (start, trained, none), (again, matched, teacher) = seen
    assert none is None
    for name, value in start.items():
        assert torch.equal(value, again[name])
        assert torch.equal(trained[name], teacher.state_dict()[name])
    assert any(not torch.equal(value, start[name]) for name, value in matched.items())


def test_without_weight_there_is_one_pre_training(monkeypatch):
    seen = []
    monkeypatch.setattr(method, "pretrain_masked", lambda *words: seen.append(words))
    method.distill(replace(images_context(steps=2), student=vit()), method.Config(weight=0))
    assert len(seen) == 1


@pytest.mark.parametrize("kind", ["images", "nodes"])
def test_the_heavier_the_weight_the_nearer_is_the_teacher(kind):
    context = context_on(kind)
    teacher, first = copy.deepcopy(context.student), copy.deepcopy(context.student.state_dict())
    with torch.no_grad():
        for value in teacher.parameters():
            value += 0.3 * torch.randn(value.shape, generator=torch.Generator().manual_seed(0))
    view, layer = context.data, "head:input" if context.data.KIND == "images" else "convs.0"
    wanted = view.predict(teacher, view.train, (layer,)).features[layer]
    distances = []
    for weight in (0.0, 10.0):
        context.student.load_state_dict(first)
        method.pretrain_masked(context, method.Config(weight=weight, pretraining_steps=30), teacher)
        found = view.predict(context.student, view.train, (layer,)).features[layer]
        distances.append(float((found - wanted).square().sum(1).mean()))
    assert distances[1] < 0.7 * distances[0]


def test_other_networks_are_refused():
    with pytest.raises(ValueError, match=r"on images needs a vision transformer, but the student is a Sequential"):
        method.distill(images_context(), method.Config())
    with pytest.raises(ValueError, match=r"on nodes needs a graph network, .* but the student is a Sequential"):
        method.distill(nodes_context(), method.Config())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"weight": -1}, "--weight must be 0 or more, got -1"),
        ({"masked": 1}, "--masked must be between 0 and 1, got 1"),
        ({"pretraining_steps": 0}, "--pretraining-steps must be 1 or more, got 0"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        method.Config(**words)
