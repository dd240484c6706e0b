from dataclasses import replace

import pytest
import torch
from torch import nn

from fed.data.client_data import ClientData, network
from fed.methods.fedbn import Config, Method, norms
from fed.server.state import ServerState
from tests.fed.methods.runs import federate
from tests.fed.samples import federation, part


def test_statistics_of_batch_norm_are_the_clients_own_too():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Sequential(nn.GroupNorm(1, 2), nn.ReLU()))
    held = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert norms(net) == [*(f"1.{name}" for name in held), "2.0.weight", "2.0.bias"]


def test_norms_are_those_of_the_last_round_of_a_client():
    net = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
    memory = {f"norm.{n}.1.{name}": torch.full((2,), float(n)) for n in (2, 10) for name in ("weight", "bias")}
    for rounds, wanted in ((1, 1.0), (2, 2.0), (9, 2.0), (10, 10.0), (11, 10.0)):
        nn.init.ones_(net[1].weight)
        assert Method(Config()).personalise(net, memory, rounds)[1].weight.tolist() == [wanted] * 2


def test_norms_differ_by_client_and_stay_at_the_server(monkeypatch, tmp_path):
    parts = [part(0), part(1)]
    config = federation(monkeypatch, parts, method="fedbn", output=str(tmp_path))
    state, memories = federate(monkeypatch, tmp_path, config)
    first = network(parts[0].facts, 0)
    for name in norms(first):
        torch.testing.assert_close(state.arrays[name], first.state_dict()[name])
        kept = [torch.stack([memory[f"norm.{number}.{name}"] for number in (1, 2, 3)]) for memory in memories]
        assert len(torch.cat(kept).unique(dim=0)) == 6, name
    assert not torch.equal(state.arrays["head.weight"], first.head.weight)


@pytest.fixture
def scored(monkeypatch):
    """Splits and weights of all scores."""
    seen, score = [], ClientData.score

    def noted(self, net, split):
        seen.append((split, {name: value.clone() for name, value in net.state_dict().items()}))
        return score(self, net, split)

    monkeypatch.setattr(ClientData, "score", noted)
    return seen


def test_a_run_that_is_resumed_after_its_last_round_is_scored_with_the_clients_norms(scored, monkeypatch, tmp_path):
    config = federation(monkeypatch, [part(0), part(1)], method="fedbn", output=str(tmp_path))
    federate(monkeypatch, tmp_path, config)
    first = scored[-6:]
    federate(monkeypatch, tmp_path, replace(config, resume=True))
    assert len(scored) == 18
    for (_, once), (_, again) in zip(first, scored[-6:], strict=True):
        assert all(torch.equal(value, again[name]) for name, value in once.items())


def test_clients_are_scored_with_their_own_norms_of_the_chosen_round(scored, monkeypatch, tmp_path):
    def keep_best(self, valid, arrays, rounds):
        if rounds == 1:
            self.best, self.best_rounds, self.best_valid = arrays, rounds, 0.5

    monkeypatch.setattr(ServerState, "keep_best", keep_best)
    config = federation(monkeypatch, [part(0), part(1)], method="fedbn", output=str(tmp_path))
    state, memories = federate(monkeypatch, tmp_path, config)
    names = norms(network(part(0).facts, 0))
    # Each of three rounds and the end need validation, then test is read for the chosen and the untrained model.
    assert [split for split, _ in scored] == ["valid"] * 8 + ["test"] * 4
    for client, memory in enumerate(memories):
        for number in (1, 2, 3):
            weights = scored[2 * number + client][1]
            assert all(torch.equal(weights[name], memory[f"norm.{number}.{name}"]) for name in names)
        chosen = scored[8 + client][1]
        assert all(torch.equal(chosen[name], memory[f"norm.1.{name}"]) for name in names)
        assert all(torch.equal(chosen[name], value) for name, value in state.best.items() if name not in names)
