from dataclasses import replace

import pytest
import torch

from graphdistill.core.networks.mixed import MixedConvNet, MixedGNN, mixed_operations
from graphdistill.kd.methods import sd_darts
from graphdistill.kd.storage import FILE, load_network, save_network
from tests.kd.samples import images_context, nodes_context


def context_on(kind, **words):
    torch.manual_seed(0)
    if kind == "nodes":
        return replace(nodes_context(), student=MixedGNN(10, 8, 10, num_layers=1), **words)
    return replace(images_context(), student=MixedConvNet((1, 8, 8), 3, width=4, depth=1), **words)


@pytest.mark.parametrize("kind", ["nodes", "images"])
def test_a_student_with_one_operation_a_layer_is_found(kind):
    found = []
    for _ in range(2):
        context = context_on(kind, steps=20, lr=0.03)
        result = sd_darts.distill(context, sd_darts.Config(every=3, teachers=2))
        assert result.valid > 0.15
        (operation,) = mixed_operations(context.student)
        assert int(operation.chosen) == int(operation.alpha.argmax())
        assert operation.alpha.abs().max() > 0.05
        found.append(context.student.head.weight.detach())
    assert torch.equal(*found)


@pytest.mark.parametrize("kind", ["nodes", "images"])
def test_the_saved_student_holds_the_chosen_operations_alone(kind, tmp_path):
    context = context_on(kind, steps=2)
    sd_darts.distill(context, sd_darts.Config())
    save_network(context_on(kind).student, tmp_path / "supernet")
    save_network(context.student, tmp_path / "found")
    sizes = [(tmp_path / folder / FILE).stat().st_size for folder in ("supernet", "found")]
    assert sizes[1] < 0.75 * sizes[0]
    again = load_network(context_on(kind).student, tmp_path / "found")
    assert torch.equal(context.data.logits(again, "test"), context.data.logits(context.student, "test"))


def test_only_the_latest_supernets_vote(monkeypatch):
    voters, original = [], sd_darts.vote

    def counted(probabilities):
        voters.append(len(probabilities))
        return original(probabilities)

    monkeypatch.setattr(sd_darts, "vote", counted)
    sd_darts.search(context_on("nodes", steps=9), sd_darts.Config(every=2, teachers=3))
    assert voters == [1, 1, 2, 2, 3, 3, 3]
    voters.clear()
    sd_darts.search(context_on("nodes", steps=5), sd_darts.Config(every=1, weight=0))
    assert voters == []


def test_weights_and_operations_learn_from_different_entries():
    context, seen = context_on("nodes", steps=2), []
    original = context.data.labels

    def recorded(index):
        seen.append(set(index.tolist()))
        return original(index)

    context.data.labels = recorded
    sd_darts.search(context, sd_darts.Config())
    weights, operations = seen[0], seen[1]
    assert weights | operations == set(context.data.labelled.tolist())
    assert not weights & operations
    assert seen[2:] == seen[:2]


def test_the_sharpness_is_that_of_finite_differences():
    context = context_on("nodes")
    context.student.double()
    context.data._x = context.data._x.double()
    index, alpha = context.data.data.valid, mixed_operations(context.student)[0].alpha
    torch.nn.init.normal_(alpha, generator=torch.Generator().manual_seed(1))
    found = sd_darts.sharpness(context, index)
    y, h = context.data.labels(index), 1e-4

    def loss(change):
        with torch.no_grad():
            alpha.add_(change)
            value = torch.nn.functional.cross_entropy(context.data.run(context.student, index).logits, y)
            alpha.sub_(change)
        return float(value)

    eye = h * torch.eye(5, dtype=torch.double)
    hessian = torch.tensor(
        [[(loss(a + b) - loss(a - b) - loss(b - a) + loss(-a - b)) / (4 * h * h) for b in eye] for a in eye]
    )
    assert found == pytest.approx(float(torch.linalg.eigvalsh(hessian.double())[-1]), rel=1e-3)


def test_other_students_and_too_few_labels_are_refused():
    with pytest.raises(ValueError, match="sd-darts needs a supernet, but the student is a Sequential"):
        sd_darts.distill(nodes_context(), sd_darts.Config())
    context = context_on("nodes")
    context.data.labelled = context.data.train[:1]
    with pytest.raises(ValueError, match="sd-darts needs 2 or more labelled entries, got 1"):
        sd_darts.distill(context, sd_darts.Config())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"weight": -1}, "--weight must be 0 or more, got -1"),
        ({"teachers": 0}, "--teachers must be 1 or more, got 0"),
        ({"every": 0}, "--every must be 1 or more, got 0"),
        ({"alpha_lr": 0}, "--alpha-lr must be above 0, got 0"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        sd_darts.Config(**words)
