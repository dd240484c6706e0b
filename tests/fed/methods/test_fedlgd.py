import copy
import json

import pytest
import torch

from fed import client_app
from fed.client import round as rounds_module
from fed.client import virtual_data as virtual
from fed.client.local_training import pseudo_gradient, train
from fed.client.round import LocalRound
from fed.client.store import ClientStore
from fed.config import FedConfig
from fed.data.client_data import network
from fed.methods import fedlgd
from fed.methods.fedlgd import Config, Method
from fed.runtime.in_process import run_in_process
from fed.server_app import app as server
from graphdistill.core.sets.safetensors_card import read_with_card
from graphdistill.core.training.fit import predict
from tests.fed.samples import FACTS, federation, part

CONFIG = FedConfig(method=Config(teacher_steps=2), per_class=2, warm_up_steps=2)
METHOD = Method(Config(teacher_steps=2, match_steps=3))
EVERY = Config().refresh_every


def test_the_server_begins_with_noise_or_with_what_clients_send():
    noise = METHOD.first_broadcast(CONFIG, FACTS, None)
    assert noise["x"].shape == (6, 1, 8, 8)
    assert noise["y"].tolist() == [0, 0, 1, 1, 2, 2]
    mean, deviation = torch.tensor([[0.2], [0.5], [0.8]]), torch.full((3, 1), 0.01)
    images = METHOD.first_broadcast(CONFIG, FACTS, (mean, deviation))["x"].view(3, -1)
    torch.testing.assert_close(images.mean(dim=1, keepdim=True), mean, atol=0.01, rtol=0)
    assert (images.std(dim=1) < 0.02).all()


@pytest.mark.parametrize(("rounds", "matched"), [(1, True), (2, False), (EVERY, False), (EVERY + 1, True)])
def test_it_matches_after_the_chosen_rounds(rounds, matched):
    old = network(FACTS, 0)
    new = copy.deepcopy(old)
    train(new, part(0).train, 24, 0, lr=0.1)
    shared = METHOD.first_broadcast(CONFIG, FACTS, None)
    after = METHOD.next_broadcast(rounds, old, new, shared, 0.1)
    assert (after is shared) != matched
    if matched:
        wanted = virtual.match_gradient(old, pseudo_gradient(old, new, 0.1), (shared["x"], shared["y"]), 3)
        assert torch.equal(after["x"], wanted[0])
        assert torch.equal(after["y"], shared["y"])


def test_the_teacher_is_trained_once_stays_at_home_and_labels_what_was_refreshed(monkeypatch):
    saved, given = [], []
    keep = rounds_module.train
    monkeypatch.setattr(rounds_module, "train", lambda *a, **k: given.append(a) or keep(*a, **k))
    trained = []
    train_teacher = fedlgd.train_teacher
    monkeypatch.setattr(fedlgd, "train_teacher", lambda *a: trained.append(a) or train_teacher(*a))
    memory = {}
    for rounds in (1, 2, EVERY + 1):
        net = network(FACTS, rounds)
        local = LocalRound(
            CONFIG, 0, rounds, part(0, count=30), net, 0.1, memory, save=lambda n, t: saved.append((n, dict(t)))
        )
        METHOD.fit(local)
        memory = local.memory
        assert local.extra_arrays == {}
    assert len(trained) == 1
    assert {number for number, _ in saved} == {0}
    assert saved[-1][1].keys() == {name for name in memory if not name.startswith("norm.")}
    teacher = network(FACTS, 0)
    teacher.load_state_dict({n.removeprefix("teacher."): v for n, v in memory.items() if n.startswith("teacher.")})
    for args in given:
        assert torch.equal(args[4].logits, predict(teacher, args[1][0]))
    assert torch.equal(given[0][1][0], given[1][1][0])
    assert not torch.equal(given[1][1][0], given[2][1][0])


def test_clients_go_on_with_norms_of_their_own_and_the_server_has_their_mean(monkeypatch):
    parts = [part(0), part(1)]
    config = federation(monkeypatch, parts, method="fedlgd", rounds=1)
    state = run_in_process(server, client_app.app, config.run_config(), 2)
    kept = [ClientStore(config, client, own, "").folder for client, own in enumerate(parts)]
    files = [next(path for path in folder.glob("*-1.safetensors")) for folder in kept]
    own = [read_with_card(path)[0]["norm.1.blocks.0.1.weight"] for path in files]
    assert not torch.equal(*own)
    after = json.loads(str(state.config_records["outcome"]["json"]))
    model = state.array_records["model"].to_torch_state_dict()["blocks.0.1.weight"]
    wanted = sum(own) / 2 if after["chosen round"] else torch.ones_like(model)
    torch.testing.assert_close(model, wanted)
    net = METHOD.personalise(network(FACTS, 0), {**read_with_card(files[0])[0]}, 1)
    assert torch.equal(net.blocks[0][1].weight, own[0])
