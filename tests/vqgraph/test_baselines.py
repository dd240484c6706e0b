from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from graphdistill.core.randomness import generator, scoped
from graphdistill.vqgraph.baselines import neighbour_loss, relation_loss, reliability
from graphdistill.vqgraph.teachers import build_teacher
from tests.reference import relation_loss_naive
from tests.vqgraph.samples import rows, small

NODES = torch.tensor([4, 1, 7, 2])
NO_LOGITS = torch.zeros(4, 3)


class Rows(nn.Module):
    """A teacher without a graph: each row of features is a row of logits."""

    def __init__(self) -> None:
        super().__init__()
        self.same = nn.Identity()

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        out: Tensor = self.same(x)
        return out


def entropy(logits: Tensor) -> float:
    p: list[float] = logits.double().softmax(dim=0).tolist()
    return -sum(v * math.log(v) for v in p)


def test_relations_are_compared_pair_by_pair_and_derived_by_autograd() -> None:
    hidden = rows(9, 6, dtype=torch.double)
    ours, plain = (rows(4, 5, 1, torch.double).requires_grad_() for _ in range(2))
    got = relation_loss(hidden, 0)(NODES, NO_LOGITS, ours)
    want = relation_loss_naive(plain, hidden[NODES])
    got.backward()
    want.backward()
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(ours.grad, plain.grad)


def test_relations_of_a_student_that_is_the_teacher_turned_and_scaled_are_right() -> None:
    hidden = rows(9, 5, dtype=torch.double)
    turned = torch.linalg.qr(rows(5, 5, 1, torch.double)).Q
    assert float(relation_loss(hidden, 0)(NODES, NO_LOGITS, 3 * hidden[NODES] @ turned)) < 1e-20


def test_relations_are_of_some_nodes_which_the_seed_draws() -> None:
    hidden, h, nodes = rows(50, 6), rows(50, 5, 1), torch.arange(50)

    def draw(seed: int) -> list[float]:
        loss = relation_loss(hidden, seed, size=8)
        return [float(loss(nodes, NO_LOGITS, h)) for _ in range(3)]

    assert draw(0) == draw(0)
    assert draw(0) != draw(1)
    assert len(set(draw(0))) == 3
    assert relation_loss(hidden, 0, size=1)(nodes, NO_LOGITS, h).isclose(torch.tensor(0.0), atol=1e-6)


def test_reliability_is_how_little_the_entropy_moves() -> None:
    data = small()
    got = reliability(Rows(), "same", data, 3, noise=0.5, draws=2)
    source, moved = generator(3, "noise"), torch.zeros(60, dtype=torch.double)
    for _ in range(2):
        noisy = data.x + 0.5 * data.x.std() * torch.randn(data.x.shape, generator=source)
        moved += torch.tensor([(entropy(a) - entropy(b)) ** 2 for a, b in zip(noisy, data.x, strict=True)])
    torch.testing.assert_close(got.double(), 1 - moved / moved.max(), rtol=1e-3, atol=1e-4)
    assert float(got.min()) == 0
    assert float(got.max()) <= 1


def test_a_teacher_that_nothing_moves_is_reliable() -> None:
    data = small()
    flat = replace(data, x=torch.ones(60, 2))
    assert reliability(Rows(), "same", flat, 0).tolist() == [1.0] * 60


@pytest.mark.parametrize("training", [True, False])
def test_reliability_leaves_the_teacher_and_the_global_generator_as_they_were(training: bool) -> None:
    data, before = small(), torch.get_rng_state()
    with scoped(0, "test"):
        teacher, _ = build_teacher("GAT", 9, 3, hidden_channels=8)
    teacher.train(training)
    first = reliability(teacher, "convs.0", data, 0)
    assert teacher.training == training
    assert torch.equal(reliability(teacher, "convs.0", data, 0), first)
    assert not torch.equal(reliability(teacher, "convs.0", data, 1), first)
    assert torch.equal(before, torch.get_rng_state())


def test_every_node_learns_from_its_reliable_neighbours() -> None:
    soft = rows(9, 3, dtype=torch.double).softmax(dim=1)
    edges = torch.tensor([[0, 4, 8, 1, 4, 5], [4, 1, 1, 8, 2, 6]])
    reliable = torch.ones(9)
    reliable[8] = 0
    ours, plain = (rows(4, 3, 1, torch.double).requires_grad_() for _ in range(2))
    got = neighbour_loss(soft, edges, reliable, 0)(NODES, ours, ours)
    # Edges 0 -> 4, 4 -> 1 and 4 -> 2: of the others the source is not reliable or the target not in the batch.
    trained = [(0, 0), (4, 1), (4, 3)]
    want = torch.stack([-(soft[u] * plain[place].log_softmax(dim=0)).sum() for u, place in trained]).mean()
    got.backward()
    want.backward()
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(ours.grad, plain.grad)


def test_neighbours_are_kept_as_often_as_they_are_reliable() -> None:
    # With logits of zero, every target costs the same; a separate soft label shows which edges were kept.
    soft = torch.eye(2)[torch.tensor([0, 1, 0, 0])]
    edges = torch.tensor([[0, 1], [2, 2]])
    loss = neighbour_loss(soft, edges, torch.tensor([0.3, 1.0, 1.0, 1.0]), 0)
    logits = torch.zeros(4, 2)
    logits[2, 0] = -1.0
    costs = torch.tensor([float(loss(torch.arange(4), logits, logits)) for _ in range(400)])
    both = (costs > costs.min() + 1e-3).float().mean()
    assert 0.2 < float(both) < 0.4


@pytest.mark.parametrize("edges", [torch.empty(2, 0, dtype=torch.long), torch.tensor([[0], [4]])])
def test_nobody_to_learn_from_costs_nothing(edges: Tensor) -> None:
    logits = rows(4, 3).requires_grad_()
    loss = neighbour_loss(torch.eye(9), edges, torch.zeros(9), 0)(NODES, logits, logits)
    loss.backward()
    assert float(loss.detach()) == 0
    assert float(logits.grad.abs().sum()) == 0  # type: ignore[union-attr]
