import copy

import pytest
import torch

from fed import virtual
from fed.config import FedConfig
from fed.methods.fedlgd import EVERY, Method
from fed.part import network
from fed.task import pseudo_gradient, train
from tests.fed.samples import FACTS, part

CONFIG = FedConfig(method="fedlgd", per_class=2)


def test_the_server_begins_with_noise_or_with_what_clients_told():
    noise = Method().begin(CONFIG, FACTS, None)
    assert noise["x"].shape == (6, 1, 8, 8)
    assert noise["y"].tolist() == [0, 0, 1, 1, 2, 2]
    mean, deviation = torch.tensor([[0.2], [0.5], [0.8]]), torch.full((3, 1), 0.01)
    told = Method().begin(CONFIG, FACTS, (mean, deviation))["x"].view(3, -1)
    torch.testing.assert_close(told.mean(dim=1, keepdim=True), mean, atol=0.01, rtol=0)
    assert (told.std(dim=1) < 0.02).all()


@pytest.mark.parametrize(("rounds", "matched"), [(1, True), (2, False), (EVERY, False), (EVERY + 1, True)])
def test_it_matches_after_the_chosen_rounds(rounds, matched, monkeypatch):
    monkeypatch.setattr(virtual.match_gradient, "__defaults__", (3,))
    old = network(FACTS, 0)
    new = copy.deepcopy(old)
    train(new, part(0).train, 24, 0, rate=0.1)
    shared = Method().begin(CONFIG, FACTS, None)
    after = Method().after(rounds, old, new, shared, 0.1)
    assert (after is shared) != matched
    if matched:
        wanted = virtual.match_gradient(old, pseudo_gradient(old, new, 0.1), (shared["x"], shared["y"]))
        assert torch.equal(after["x"], wanted[0])
        assert torch.equal(after["y"], shared["y"])
