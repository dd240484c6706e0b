import copy

import pytest
import torch

from fed.client import virtual_data as virtual
from fed.client.local_training import pseudo_gradient, train
from fed.client.virtual_data import grouped, match_gradient, warm_up
from fed.data.client_data import network
from graphdistill.condense.matching.objective import gradient, row_distance
from tests.fed.samples import FACTS, part


def test_a_client_makes_images_of_the_classes_that_it_has():
    own = part(0, classes=(0, 2))
    x, y = warm_up(own.train, 2, 0, steps=2)
    assert y.tolist() == [0, 0, 2, 2]
    assert 0 <= x.min() <= x.max() <= 1
    again, _ = warm_up(own.train, 2, 0, steps=2)
    assert torch.equal(x, again)
    assert not torch.equal(x, warm_up(own.train, 2, 1, steps=2)[0])


def test_the_batch_decides_how_many_real_images_a_step_compares():
    own = part(0, count=60)
    few, many, all_of_them = (warm_up(own.train, 2, 0, steps=2, batch=batch)[0] for batch in (1, 64, 1000))
    assert not torch.equal(few, many)
    torch.testing.assert_close(many, all_of_them, rtol=1e-3, atol=1e-4)  # 20 of each class are fewer than either


def test_without_steps_images_stay_as_they_are():
    first = torch.rand(3, 1, 8, 8), torch.arange(3)
    net = network(FACTS, 0)
    assert torch.equal(virtual.match_means(part(0).train, first, lambda step: net, 0, 0)[0], first[0])
    assert torch.equal(match_gradient(net, [], first, steps=0)[0], first[0])


def test_groups_are_of_one_class_and_of_similar_images():
    draws = torch.Generator().manual_seed(0)
    kind = torch.arange(4).repeat(10)  # classes 0 and 2, two kinds of each
    x = (kind.view(-1, 1, 1, 1) % 2) + 0.1 * torch.rand(40, 1, 4, 4, generator=draws)
    group = grouped((x, kind // 2 * 2), 2, 0)
    assert len(group.unique()) == 4
    for number in range(4):
        assert len(group[kind == number].unique()) == 1


@pytest.mark.parametrize("least", [5, 8])
def test_no_group_is_small(least):
    draws = torch.Generator().manual_seed(0)
    x = torch.rand(40, 1, 4, 4, generator=draws)
    x[0] += 9  # alone, wherever the means are
    y = torch.tensor([0] * 25 + [1] * 12 + [2] * 3)  # of class 2 there are too few for any group
    group = grouped((x, y), 10, 0, least)
    sizes = torch.bincount(group)
    assert sizes[group[y < 2]].min() >= least
    assert len(group[y == 2].unique()) == 1
    assert all(len(y[group == number].unique()) == 1 for number in group.unique())


def test_images_of_groups_differ_where_groups_do():
    draws = torch.Generator().manual_seed(0)
    kind = torch.arange(2).repeat(20)
    x = 0.2 + 0.6 * kind.view(-1, 1, 1, 1) + 0.05 * torch.rand(40, 1, 8, 8, generator=draws)
    pair = torch.zeros(40, dtype=torch.long)
    (means, classes), (plain, _) = (warm_up((x, pair), 4, 0, 0, group_size=least) for least in (5, None))
    assert classes.tolist() == [0] * 4
    low, high = means.mean(dim=(1, 2, 3)).view(2, 2).sort(dim=1).values.mean(dim=0)
    assert high - low > 0.4
    assert plain.mean(dim=(1, 2, 3)).std() < 0.1


def test_matching_brings_means_of_embeddings_nearer():
    own, net = part(0, count=30), network(FACTS, 99)
    first = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(1)), torch.arange(3)

    @torch.no_grad()
    def apart(images):
        means = [torch.stack([net.embed(x[y == c]).mean(dim=0) for c in range(3)]) for x, y in (own.train, images)]
        return float((means[0] - means[1]).norm())

    before = net.head.weight.clone()
    assert apart(virtual.match_means(own.train, first, lambda step: net, 30, 0, lr=0.01)) < 0.8 * apart(first)
    assert torch.equal(net.head.weight, before)


def test_the_server_comes_nearer_to_the_pseudo_gradient():
    own, old = part(0), network(FACTS, 0)
    new = copy.deepcopy(old)
    train(new, own.train, 24, 0, lr=0.4)
    wanted = pseudo_gradient(old, new, 0.4)
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
