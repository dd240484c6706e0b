import copy
import math

import torch
import torch.nn.functional as F

from fed.data.client_data import network
from fed.methods import moon
from tests.fed.methods.runs import by_hand, federate, local_round
from tests.fed.samples import federation, part


def naive(z, near, far, t):
    def cosine(a, b):
        return a @ b / (a @ a).sqrt() / (b @ b).sqrt()

    terms = []
    for a, b, c in zip(z, near, far, strict=True):
        good, bad = torch.exp(cosine(a, b) / t), torch.exp(cosine(a, c) / t)
        terms.append(-torch.log(good / (good + bad)))
    return sum(terms) / len(terms)


def test_the_term_is_that_of_the_equation():
    z, near, far = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(moon.model_contrast(z, near, far, 0.7), naive(z, near, far, 0.7))
    torch.testing.assert_close(moon.model_contrast(z, near, near, 0.5), torch.tensor(math.log(2)))


def test_a_step_goes_down_the_equations_gradient():
    own = part(0)
    before, last = network(own.facts, 1), network(own.facts, 2)
    mine = local_round("moon", own, before, memory={f"last.{name}": value for name, value in last.state_dict().items()})
    moon.Method(moon.Config(mu=0.7)).fit(mine)
    (x, y), net = own.train, copy.deepcopy(before)
    z = net.embed(x)
    loss = F.cross_entropy(net.head(z), y) + 0.7 * naive(z, before.embed(x).detach(), last.embed(x), 0.5)
    loss.backward()
    for p, q in zip(net.parameters(), mine.net.parameters(), strict=True):
        torch.testing.assert_close(q, p - 0.1 * p.grad, atol=1e-5, rtol=1e-4)
    for name, value in mine.net.state_dict().items():
        assert torch.equal(mine.memory[f"last.{name}"], value)


def test_the_first_round_is_fedavgs_and_the_second_is_not():
    parts, net = [part(0), part(1)], network(part(0).facts, 0)
    ours, fedavgs = (by_hand(method, parts, net, 2)[1] for method in ("moon", "fedavg"))
    for client in (0, 1):
        assert torch.equal(ours[0][client].net.head.weight, fedavgs[0][client].net.head.weight)
        assert not torch.equal(ours[1][client].net.blocks[0][0].weight, fedavgs[1][client].net.blocks[0][0].weight)


def test_models_that_clients_remember_are_their_own(monkeypatch, tmp_path):
    config = federation(monkeypatch, [part(0), part(1)], method="moon", output=str(tmp_path))
    state, memories = federate(monkeypatch, tmp_path, config)
    a, b = (memory["last.head.weight"] for memory in memories)
    assert not torch.equal(a, b)
    torch.testing.assert_close((a + b) / 2, state.arrays["head.weight"])
