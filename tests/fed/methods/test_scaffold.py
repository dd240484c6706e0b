import pytest
import torch
from torch import nn

from fed.data.client_data import ClientData
from fed.methods.scaffold import Config, Method
from graphdistill.core.randomness import generator, scoped
from tests.fed.methods.runs import by_hand, federate, local_round
from tests.fed.samples import federation, part


def points(seed):
    draws = torch.Generator().manual_seed(seed)
    split = torch.randn(80, 4, generator=draws, dtype=torch.float64), torch.randint(3, (80,), generator=draws)
    return ClientData("points", split, split, split, 3)


def linear():
    """The same weights in every run: clients' gradients differ by enough."""
    with scoped(0, "linear"):
        return nn.Linear(4, 3).double()


def gradient(weight, bias, x, y):
    """Of softmax regression, written out."""
    apart = ((x @ weight.T + bias).softmax(dim=1) - torch.eye(3, dtype=x.dtype)[y]) / len(y)
    return apart.T @ x, apart.sum(dim=0)


def naive(parts, net, rounds, lr):
    """SCAFFOLD with option II as in its paper's first algorithm."""
    model = [net.weight.detach().clone(), net.bias.detach().clone()]
    control = [torch.zeros_like(p) for p in model]
    controls = [[torch.zeros_like(p) for p in model] for _ in parts]
    for number in range(1, rounds + 1):
        models, changes = [], []
        for client, held in enumerate(parts):
            mine, (x, y) = [p.clone() for p in model], held.train
            seed = local_round("scaffold", held, net, client=client).seed(number)
            order = torch.randperm(80, generator=generator(seed, "order"))
            for rows in (order[:32], order[32:64], order[64:]):
                steps = gradient(*mine, x[rows], y[rows])
                both = zip(mine, steps, controls[client], control, strict=True)
                mine = [p - lr * (g - own + c) for p, g, own, c in both]
            both = zip(controls[client], control, model, mine, strict=True)
            new = [own - c + (p - q) / (3 * lr) for own, c, p, q in both]
            changes.append([a - b for a, b in zip(new, controls[client], strict=True)])
            models.append(mine)
            controls[client] = new
        model = [sum(both) / len(parts) for both in zip(*models, strict=True)]
        control = [c + sum(both) / len(parts) for c, both in zip(control, zip(*changes, strict=True), strict=True)]
    return model, control


def test_three_rounds_are_those_of_the_paper():
    net, parts = linear(), [points(0), points(1)]
    arrays, turns = by_hand("scaffold", parts, net, 3)
    model, control = naive(parts, net, 3, 0.1)
    torch.testing.assert_close([arrays["weight"], arrays["bias"]], model)
    torch.testing.assert_close([arrays["control.weight"], arrays["control.bias"]], control)
    for name in ("control.weight", "control.bias"):
        torch.testing.assert_close(sum(mine.memory[name] for mine in turns[-1]) / 2, arrays[name])
    assert arrays["control.weight"].norm() > 0.01


def test_corrections_are_nought_in_sum():
    arrays, turns = by_hand("scaffold", [points(0), points(1)], linear(), 2)
    given = []
    for mine in turns[-1]:
        mine.extra_arrays = {name: arrays[name] for name in mine.extra_arrays}
        mine.train = lambda data, count, terms: given.append(terms.correction) or 0.0
        Method(Config()).fit(mine)
    for first, second in zip(*given, strict=True):
        torch.testing.assert_close(first, -second)
        assert first.norm() > 0.01


@pytest.mark.parametrize("participation", [1.0, 0.67])
def test_the_servers_control_is_the_mean_of_the_clients(participation, monkeypatch, tmp_path):
    config = federation(
        monkeypatch,
        [part(0), part(1), part(2)],
        method="scaffold",
        participation=participation,
        output=str(tmp_path),
    )
    state, memories = federate(monkeypatch, tmp_path, config)
    names = [name for name in state.arrays if name.startswith("control.")]
    assert len(names) == len(state.arrays) // 2
    for name in names:
        nought = torch.zeros_like(state.arrays[name])
        mean = sum(memory.get(name, nought) for memory in memories) / 3
        torch.testing.assert_close(state.arrays[name], mean, atol=1e-5, rtol=1e-4)
