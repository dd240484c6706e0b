import copy

import torch
import torch.nn.functional as F

from fed.config import FedConfig
from fed.data.client_data import network
from fed.methods import vhl
from tests.fed.client.test_local_training import naive
from tests.fed.methods.runs import local_round
from tests.fed.samples import part

OPTIONS = vhl.Config()
FACTS = {"channels": 2, "height": 8, "width": 12, "classes": 5}


def test_noise_has_a_shape_a_range_and_classes():
    x, y = vhl.noise(FedConfig(per_class=3), FACTS, OPTIONS)
    assert x.shape == (15, 2, 8, 12)
    assert y.tolist() == [label for label in range(5) for _ in range(3)]
    assert 0 <= x.min() < 0.2
    assert 0.8 < x.max() <= 1
    assert len(x.unique(dim=0)) == 15


def test_noise_is_separable_by_class():
    x, y = vhl.noise(FedConfig(per_class=40), {**FACTS, "classes": 10}, OPTIONS)
    known = torch.arange(len(y)) % 2 == 0
    means = torch.stack([x[known & (y == label)].mean(dim=0) for label in range(10)]).flatten(1)
    # Nearest means are a linear classifier.
    found = torch.cdist(x[~known].flatten(1), means).argmin(dim=1)
    assert (found == y[~known]).float().mean() > 0.99


def test_noise_is_the_same_at_all_clients_in_all_rounds_of_a_seed():
    given = []
    for client, number in ((0, 1), (1, 1), (1, 2)):
        mine = local_round("vhl", part(client, classes=(client,)), client=client, round=number)
        mine.train = lambda data, count, terms: given.append((terms.anchors, count)) or 0.0
        vhl.Method(OPTIONS).fit(mine)
    for (x, y), count in given:
        assert torch.equal(x, given[0][0][0])
        assert torch.equal(y, given[0][0][1])
        assert count == 12
    assert not torch.equal(x, vhl.noise(FedConfig(per_class=2, seed=1), part(0).facts, OPTIONS)[0])


def test_a_step_goes_down_the_equations_gradient():
    own = part(0, classes=(0, 2))
    mine, net = local_round("vhl", own), network(own.facts, 0)
    noise, labels = vhl.noise(mine.config, own.facts, OPTIONS)
    vhl.Method(OPTIONS).fit(mine)
    (x, y), before = own.train, copy.deepcopy(net)
    loss = F.cross_entropy(net(x), y) + F.cross_entropy(net(noise), labels)
    z = torch.cat([net.embed(x), net.embed(noise)])
    loss = loss + OPTIONS.contrast * naive(z, torch.cat([y, labels]), 0.07)
    loss.backward()
    for p, q in zip(net.parameters(), mine.net.parameters(), strict=True):
        torch.testing.assert_close(q, p - 0.1 * p.grad, atol=1e-4, rtol=1e-3)
    assert not torch.equal(before.head.weight, mine.net.head.weight)
