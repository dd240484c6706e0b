from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graphdistill.condense.data.kinds import protocol_of
from graphdistill.condense.data.nodes import LearnableNodes, TrainingNodes
from graphdistill.condense.matching.objective import Recipe
from graphdistill.condense.matching.optimizer import SetOptimizer
from graphdistill.condense.methods.dm import MomentMatch
from graphdistill.core.evaluation.nodes import NodeProtocol
from graphdistill.core.sets.storage import load_set, save_set
from tests.condense.samples import pairs, real_data, seeded
from tests.core.sets.samples import coded_bytes

Y = torch.tensor([0, 0, 1, 2])
X = torch.rand(4, 3, generator=seeded())
DEVIATION = torch.tensor([1.0, 0.01, 0.0])


def synthetic(logits: Tensor | None = None) -> LearnableNodes:
    return LearnableNodes(X, Y, DEVIATION, logits)


def real() -> TrainingNodes:
    nodes = real_data("nodes")
    assert isinstance(nodes, TrainingNodes)
    return nodes


@given(st.lists(st.floats(-3, 3, width=32), min_size=12, max_size=12))
def test_features_are_the_first_ones_plus_so_many_deviations(values: list[float]) -> None:
    nodes = synthetic()
    with torch.no_grad():
        nodes.x.copy_(torch.tensor(values).view(4, 3))
    for i, row in enumerate(nodes.features().tolist()):
        wanted = [X[i, j].item() + DEVIATION[j].item() * values[3 * i + j] for j in range(3)]
        assert row == pytest.approx(wanted, rel=1e-6, abs=1e-7)


def test_it_begins_as_given() -> None:
    nodes = synthetic()
    assert torch.equal(nodes.features(), X)
    assert list(nodes.parameters()) == ["x"]
    assert nodes.x.requires_grad
    assert not nodes.x.any()


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_step_is_in_deviations_and_a_column_that_never_changes_is_not_learnt(optimizer: str) -> None:
    nodes = synthetic()
    recipe = Recipe(objective=MomentMatch(), schedule=None, steps=1, lr=0.1, optimizer=optimizer)  # type: ignore[arg-type]
    nodes.backward(nodes.features().sum())
    SetOptimizer(recipe, nodes.parameters()).step(0.0)
    moved = X - nodes.features().detach()
    # Adam's first step is as long whatever the gradient is; that of SGD has the deviation in it once more.
    wanted = 0.1 * DEVIATION if optimizer == "adam" else 0.1 * DEVIATION.square()
    torch.testing.assert_close(moved, wanted.expand(4, -1), rtol=1e-3, atol=1e-7)
    assert torch.equal(nodes.features()[:, 2], X[:, 2])


def test_inputs_are_nodes_that_stand_alone_with_gradients() -> None:
    nodes, index = synthetic(), torch.tensor([2, 0])
    for inputs, wanted in ((nodes.inputs(), X), (nodes.inputs(index), X[index]), (nodes.inputs(Y == 0), X[:2])):
        assert inputs.adjacency is inputs.index is None
        assert torch.equal(inputs.x, wanted)  # type: ignore[arg-type]
    nodes.backward(nodes.inputs(index).x.sum())  # type: ignore[union-attr]
    assert nodes.x.grad is not None
    assert torch.equal(nodes.x.grad, DEVIATION * torch.tensor([[1.0], [0.0], [1.0], [0.0]]))


def test_features_have_no_border() -> None:
    nodes = synthetic()
    with torch.no_grad():
        nodes.x += 99
    before = nodes.x.detach().clone()
    nodes.clip()
    assert torch.equal(nodes.x, before)


@pytest.mark.parametrize("soft", [False, True])
def test_what_is_frozen_has_sixteen_bits_and_is_stored_so(soft: bool, tmp_path: Path) -> None:
    nodes = synthetic(torch.rand(4, 3, generator=seeded()) if soft else None)
    with torch.no_grad():
        nodes.x += 0.7
    before = nodes.x.detach().clone()
    kept = nodes.freeze({"method": "gcdm"})
    assert isinstance(kept.data, Tensor)
    assert kept.edges is None
    assert torch.equal(kept.data, nodes.features().detach().half().float())
    assert not torch.equal(kept.data, nodes.features())
    assert kept.nbytes == coded_bytes(*kept.arrays().values())
    assert kept.arrays()["features"].dtype == torch.half
    assert (kept.arrays()["y"].dtype, kept.arrays()["y"].numel()) == (torch.uint8, 8 if soft else 4)
    assert torch.equal(nodes.x, before)
    save_set(kept, tmp_path)
    again = load_set(tmp_path)
    assert isinstance(again.data, Tensor)
    assert torch.equal(again.data, kept.data)
    assert torch.equal(again.y, kept.y)
    assert again.meta == {"method": "gcdm"}


def test_soft_labels_are_learnt_along() -> None:
    nodes = synthetic(torch.zeros(4, 3))
    assert list(nodes.parameters()) == ["x", "logits"]
    torch.testing.assert_close(nodes.freeze().y, torch.full((4, 3), 1 / 3), rtol=0, atol=1 / 254)
    with pytest.raises(ValueError, match="y has 4 entries but x has 3; give each one"):
        LearnableNodes(X[:3], Y, DEVIATION)


def test_the_real_ones_are_the_training_nodes_in_their_graph() -> None:
    nodes, data = real(), pairs()
    protocol = protocol_of(data)
    assert isinstance(protocol, NodeProtocol)
    assert torch.equal(nodes.y, data.y[data.train])
    assert nodes.counts.tolist() == [8, 8, 8]
    assert torch.equal(nodes.flat(), protocol.rounded[data.train])
    net, index = nodes.network().eval(), torch.tensor([5, 1])
    # Products of two rows and of all of them may be rounded apart.
    torch.testing.assert_close(net(nodes.inputs(index)), net(protocol.split("train")[0])[index], rtol=1e-5, atol=1e-6)
    assert net.dropout == 0


def test_deviations_are_those_of_each_feature_over_all_nodes() -> None:
    protocol = protocol_of(pairs())
    assert isinstance(protocol, NodeProtocol)
    columns = protocol.rounded.double().T.tolist()
    means = [sum(column) / len(column) for column in columns]
    wanted = [
        (sum((v - mean) ** 2 for v in column) / (len(column) - 1)) ** 0.5
        for column, mean in zip(columns, means, strict=True)
    ]
    assert real().deviation.tolist() == pytest.approx(wanted, rel=1e-5)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 23), min_size=1, max_size=6))
def test_what_becomes_of_rows(numbers: list[int]) -> None:
    nodes, index = real(), torch.tensor(numbers)
    start, kept = nodes.init_from(index, torch.zeros(len(index), 3)), nodes.select(index)
    assert torch.equal(start.features(), nodes.flat()[index])
    assert torch.equal(start.y, nodes.y[index])
    assert start.deviation is nodes.deviation
    assert torch.equal(kept.data, nodes.flat()[index])  # type: ignore[arg-type]
    assert kept.nbytes == coded_bytes(nodes.flat()[index].half(), nodes.y[index].to(torch.uint8))
    assert kept.edges is None
    # What is learnt but has not moved is what selecting it gives, bit for bit.
    assert torch.equal(nodes.init_from(index).freeze().data, kept.data)  # type: ignore[arg-type]


@pytest.mark.parametrize("per_class", [1, 3])
def test_learning_begins_with_means_of_groups(per_class: int) -> None:
    nodes = real()
    begun = nodes.init_random(per_class, seeded())
    x, y = nodes.protocol.group_means(per_class, seeded())
    assert torch.equal(begun.features(), x)
    assert torch.equal(begun.labels, y)
    assert torch.equal(begun.freeze().data, x)  # type: ignore[arg-type]
    assert begun.deviation is nodes.deviation


def test_a_draw_is_class_by_class() -> None:
    nodes = real()
    inputs, y = nodes.sample(3, seeded())
    assert y.tolist() == [0] * 3 + [1] * 3 + [2] * 3
    assert inputs.index is not None
    assert torch.equal(pairs().y[inputs.index], y)
    assert set(inputs.index.tolist()) <= set(pairs().train.tolist())
    with pytest.raises(ValueError, match="--per-class 9 is more than the 8 training nodes of class 0; give 8 or less"):
        nodes.check_per_class(9)


def test_learnt_nodes_are_stored_in_the_unit_of_the_data() -> None:
    x = torch.tensor([[1e5, 1.0], [2e5, 1e-6]])
    synthetic = LearnableNodes(x, torch.tensor([0, 1]), torch.ones(2), exponent=torch.tensor([3, 0])).freeze()
    assert isinstance(synthetic.data, torch.Tensor)
    torch.testing.assert_close(synthetic.data[:, 0], x[:, 0], rtol=1e-3, atol=0)
    assert torch.equal(synthetic.data[:, 1], x[:, 1].half().float())
