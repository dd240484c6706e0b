from __future__ import annotations

import pytest
import torch

from graphdistill.condense.data.learnable import LearnableSet
from graphdistill.condense.matching.schedule import NetworkSchedule, Schedule
from graphdistill.core.networks.node_gcn import NodeGCN, Nodes
from tests.condense.samples import real, real_data, seeded


def weights(states: NetworkSchedule) -> torch.Tensor:
    assert states.net is not None
    return torch.cat([p.detach().view(-1) for p in states.net.parameters()])


def states(schedule: Schedule, seed: int = 0) -> NetworkSchedule:
    return NetworkSchedule(schedule, real(), seed)


def synthetic() -> LearnableSet:
    images = real()
    return LearnableSet(images.x[:6], images.y[:6])


def test_fresh_networks_in_every_step() -> None:
    run, before = states(Schedule()), torch.get_rng_state()
    seen = []
    for step in range(3):
        run.at(step)
        run.train(synthetic(), step, seeded())
        seen.append(weights(run))
    assert not torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[1], seen[2])
    assert torch.equal(torch.get_rng_state(), before)


def test_a_run_may_begin_where_a_network_does() -> None:
    """The network of a step follows from the seed and its number, not from what came before."""
    whole, late = states(Schedule(outer=2, inner=1)), states(Schedule(outer=2, inner=1))
    for step in range(4):
        whole.at(step)
        whole.train(synthetic(), step, seeded())
    for step in (2, 3):
        late.at(step)
        late.train(synthetic(), step, seeded())
    assert torch.equal(weights(whole), weights(late))
    late.seed = 1
    late.at(4)
    whole.at(4)
    assert not torch.equal(weights(whole), weights(late))


def test_training_between_matches_is_plain_sgd_on_the_set() -> None:
    run, images = states(Schedule(outer=2, inner=3, lr=0.1)), synthetic()
    net = run.at(0)
    mirror = states(Schedule()).at(0)
    optimizer = torch.optim.SGD(mirror.parameters(), lr=0.1, momentum=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(mirror(images.x.detach()), images.y).backward()
        optimizer.step()
    run.train(images, 0, seeded())
    assert run.at(1) is net
    torch.testing.assert_close(weights(run), torch.cat([p.detach().view(-1) for p in mirror.parameters()]))
    assert images.x.grad is None


def test_or_adam_on_nodes_and_gradients_of_the_set_stay_away() -> None:
    nodes = real_data("nodes")
    run, small_nodes = (
        NetworkSchedule(Schedule(outer=2, inner=3, lr=0.02, optimizer="adam"), nodes, 0),
        nodes.init_from(torch.arange(6)),
    )
    net, mirror = run.at(0), NetworkSchedule(Schedule(), nodes, 0).at(0)
    assert isinstance(net, NodeGCN)
    optimizer = torch.optim.Adam(mirror.parameters(), lr=0.02)
    for _ in range(3):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(mirror(Nodes(nodes.flat()[:6])), nodes.y[:6]).backward()
        optimizer.step()
    run.train(small_nodes, 0, seeded())
    torch.testing.assert_close(weights(run), torch.cat([p.detach().view(-1) for p in mirror.parameters()]))
    assert small_nodes.x.grad is None


def test_the_last_match_of_a_network_is_followed_by_no_training() -> None:
    run = states(Schedule(outer=2, inner=3))
    run.at(0)
    run.at(1)
    before = weights(run)
    run.train(synthetic(), 1, seeded())
    assert torch.equal(weights(run), before)


@pytest.mark.parametrize(("words", "message"), [({"outer": 0}, "outer must be 1"), ({"inner": -1}, "inner must be 0")])
def test_numbers_that_cannot_be(words: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Schedule(**words)  # type: ignore[arg-type]
