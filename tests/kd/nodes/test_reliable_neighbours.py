from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from graphdistill.core.randomness import generator, scoped
from graphdistill.kd.nodes.reliable_neighbours import ReliableNeighbours, reliability
from graphdistill.kd.nodes.teachers import build_teacher, teacher_outputs
from tests.kd.nodes.samples import rows, small

NODES = torch.tensor([4, 1, 7, 2])


def rows_of_features(x: Tensor) -> Tensor:
    """A teacher without a graph: each row of features is a row of logits."""
    return x


def entropy(logits: Tensor) -> float:
    p: list[float] = logits.double().softmax(dim=0).tolist()
    return -sum(v * math.log(v) for v in p)


def test_reliability_is_how_little_the_entropy_moves() -> None:
    data = small()
    got = reliability(rows_of_features, data.x, generator(3, "noise"), noise=0.5, draws=2)
    source, moved = generator(3, "noise"), torch.zeros(60, dtype=torch.double)
    for _ in range(2):
        noisy = data.x + 0.5 * data.x.std() * torch.randn(data.x.shape, generator=source)
        moved += torch.tensor([(entropy(a) - entropy(b)) ** 2 for a, b in zip(noisy, data.x, strict=True)])
    torch.testing.assert_close(got.double(), 1 - moved / moved.max(), rtol=1e-3, atol=1e-4)
    assert float(got.min()) == 0
    assert float(got.max()) <= 1


def test_a_teacher_that_nothing_moves_is_reliable() -> None:
    assert reliability(rows_of_features, torch.ones(60, 2), generator(0)).tolist() == [1.0] * 60


def test_reliability_of_a_graph_network_depends_on_the_generator_alone() -> None:
    data, before = small(), torch.get_rng_state()
    with scoped(0, "test"):
        teacher, layer = build_teacher("GAT", 9, 3, hidden_channels=8)

    def reliable(seed: int) -> Tensor:
        return reliability(lambda x: teacher_outputs(teacher, layer, x, data.edge_index)[0], data.x, generator(seed))

    assert torch.equal(reliable(0), reliable(0))
    assert not torch.equal(reliable(0), reliable(1))
    assert torch.equal(before, torch.get_rng_state())


def test_every_node_learns_from_its_reliable_neighbours() -> None:
    soft = rows(9, 3, dtype=torch.double).softmax(dim=1)
    edges = torch.tensor([[0, 4, 8, 1, 4, 5], [4, 1, 1, 8, 2, 6]])
    reliable = torch.ones(9)
    reliable[8] = 0
    ours, plain = (rows(4, 3, 1, torch.double).requires_grad_() for _ in range(2))
    got = ReliableNeighbours(soft, edges, reliable)(NODES, ours, generator(0)).mean()
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
    loss, draws = ReliableNeighbours(soft, edges, torch.tensor([0.3, 1.0, 1.0, 1.0])), generator(0)
    logits = torch.zeros(4, 2)
    logits[2, 0] = -1.0
    costs = torch.tensor([float(loss(torch.arange(4), logits, draws).mean()) for _ in range(400)])
    both = (costs > costs.min() + 1e-3).float().mean()
    assert 0.2 < float(both) < 0.4


@pytest.mark.parametrize("edges", [torch.empty(2, 0, dtype=torch.long), torch.tensor([[0], [4]])])
def test_nobody_to_learn_from_costs_nothing(edges: Tensor) -> None:
    logits = rows(4, 3).requires_grad_()
    loss = ReliableNeighbours(torch.eye(9)[:, :3], edges, torch.zeros(9))(NODES, logits, generator(0)).mean()
    loss.backward()
    assert float(loss.detach()) == 0
    assert float(logits.grad.abs().sum()) == 0  # type: ignore[union-attr]
