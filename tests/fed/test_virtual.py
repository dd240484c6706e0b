import copy

import pytest
import torch

from fed import virtual
from fed.part import network
from fed.task import pseudo_gradient, train
from fed.virtual import match_gradient, warm_up
from graphdistill.condense.objective import gradient, row_distance
from tests.fed.samples import FACTS, part


def test_a_client_makes_images_of_the_classes_that_it_has():
    own = part(0, classes=(0, 2))
    x, y = warm_up(own.train, 2, 0, steps=2)
    assert y.tolist() == [0, 0, 2, 2]
    assert 0 <= x.min() <= x.max() <= 1
    again, _ = warm_up(own.train, 2, 0, steps=2)
    assert torch.equal(x, again)
    assert not torch.equal(x, warm_up(own.train, 2, 1, steps=2)[0])


def test_matching_brings_means_of_embeddings_nearer(monkeypatch):
    monkeypatch.setattr(virtual, "RATE", 0.01)
    own, net = part(0, count=30), network(FACTS, 99)
    first = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(1)), torch.arange(3)

    @torch.no_grad()
    def apart(images):
        means = [torch.stack([net.embed(x[y == c]).mean(dim=0) for c in range(3)]) for x, y in (own.train, images)]
        return float((means[0] - means[1]).norm())

    before = net.head.weight.clone()
    assert apart(virtual.match_means(own.train, first, lambda step: net, 30, 0)) < 0.8 * apart(first)
    assert torch.equal(net.head.weight, before)


def test_the_server_comes_nearer_to_the_pseudo_gradient():
    own, old = part(0), network(FACTS, 0)
    new = copy.deepcopy(old)
    train(new, own.train, 24, 0)
    wanted = pseudo_gradient(old, new)
    first = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1)), torch.arange(3).repeat(2)
    before = copy.deepcopy(old.state_dict())
    x, y = match_gradient(old, wanted, first, steps=20)
    far, near = (row_distance(gradient(old, images, y), wanted) for images in (first[0], x))
    assert near < 0.8 * far
    assert all(torch.equal(value, before[name]) for name, value in old.state_dict().items())


def test_what_is_not_finite_stops_matching():
    net = network(FACTS, 0)
    wanted = [torch.full_like(p, torch.nan) for p in net.parameters()]
    with pytest.raises(ArithmeticError, match="diverged at step 0 of 3"):
        match_gradient(net, wanted, (torch.rand(3, 1, 8, 8), torch.arange(3)), steps=3)
