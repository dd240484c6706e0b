import json
from dataclasses import replace

import pytest
import torch

from fed import client_app
from fed.client import round as rounds
from fed.methods import fedmirage
from fed.runtime.in_process import run_in_process
from fed.server_app import app as server
from graphdistill.core.sets.storage import load_set
from tests.fed.samples import federation, molecular, part


def run(config):
    state = run_in_process(server, client_app.app, config.run_config(), config.clients)
    return state, json.loads(state.config_records["outcome"]["json"])


def spied(monkeypatch):
    given, train = [], rounds.train
    monkeypatch.setattr(rounds, "train", lambda *a, **k: given.append(a) or train(*a, **k))
    return given


def test_at_the_server_no_client_trains(monkeypatch):
    given = spied(monkeypatch)
    config, _ = molecular(monkeypatch, method="fedmirage", support=0.15, per_class=5)
    _, found = run(config)
    assert given == []
    assert found["metric"] == "rocauc"
    assert set(found["baselines"]) == {"untrained network", "number of nodes"}
    assert len(found["federated mirage"]["training_bytes"]) == len(found["history"]) + 1 == 3


def test_at_the_clients_all_train_on_what_was_merged_each_in_its_own_order(monkeypatch):
    given = spied(monkeypatch)
    config, held = molecular(monkeypatch, method=fedmirage.Config(trainer="clients"), support=0.15, per_class=5)
    state, found = run(config)
    assert [args[2] for args in given] == [20] * 6
    shared = held[0].entries(dict(state.array_records["broadcast"].to_torch_state_dict()))
    for args in given:
        assert torch.equal(args[1][1], shared[1])
        assert torch.equal(args[1][2], shared[2])
        assert args[1][0].nbytes == shared[0].nbytes
    assert len({args[3] for args in given}) == 6
    assert found["refused"] == []


def test_a_run_that_was_cut_goes_on_with_what_was_merged(monkeypatch, tmp_path):
    def model(folder, **options):
        config, _ = molecular(monkeypatch, method="fedmirage", support=0.15, per_class=5, output=str(folder), **options)
        state, found = run(config)
        small = load_set(folder)
        assert (small.meta["method"], len(small)) == ("federated mirage", 10)
        return state.array_records["model"].to_torch_state_dict(), found["bytes up"]

    (whole, _), (_, before) = model(tmp_path / "whole"), model(tmp_path / "cut", rounds=1)
    cut, after = model(tmp_path / "cut", resume=True)
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    # No counts again: what is sent is numbers.
    assert after - before < before / 2


@pytest.mark.bits
def test_the_same_seed_gives_the_same(monkeypatch):
    for data in ("virtual", "subset"):
        config, _ = molecular(
            monkeypatch, clients=2, method="fedavg", train_on=data, support=0.15, per_class=5, rounds=1
        )
        first, second = (run(config)[0].array_records["model"].to_torch_state_dict() for _ in range(2))
        assert all(torch.equal(first[name], second[name]) for name in first), data


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"method": "fedlgd"}, "--method fedlgd is for images, .* for molecules choose from fedavg, .*fedmirage"),
        ({"method": "fedavg", "statistics": True}, "--statistics are means of pixels, and molecules have none"),
        ({"method": "fedmirage", "dp_noise": 1.0, "dp_clip": 1.0}, "and fedmirage has none; give --support-epsilon"),
    ],
)
def test_what_molecules_do_not_allow_is_refused(options, error, monkeypatch):
    with pytest.raises(ValueError, match=error):
        run(molecular(monkeypatch, clients=1, **options)[0])


def test_images_are_refused(monkeypatch):
    with pytest.raises(ValueError, match=r"fedmirage is for molecules, .* for images choose from fedavg, .*fedlgd"):
        run(federation(monkeypatch, [part(0)], method="fedmirage"))


@pytest.mark.parametrize("method", ["fedavg", "fedprox", "scaffold", "fedbn"])
def test_methods_on_molecules_work_where_a_client_lacks_a_class(method, monkeypatch):
    config, held = molecular(monkeypatch, clients=2, method=method, rounds=1)
    splits = {}
    for split in ("train", "valid", "test"):
        x, y, weight = getattr(held[1], split)
        rows = (y == 0).nonzero().view(-1)
        splits[split] = x.subset(rows), y[rows], weight[rows]
    monkeypatch.setattr(client_app, "parts", lambda config: (held[0], replace(held[1], **splits)))
    _, found = run(config)
    assert found["refused"] == []
    assert set(found["test"]) == set(found["history"][0]["valid before"]) == set(found["final valid"]) == {"0"}
    assert found["valid"] == max(found["history"][0]["valid before"]["0"], found["final valid"]["0"])
