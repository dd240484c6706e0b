import os

import pytest
import torch

from fed.client.store import HOME, ClientStore, secret, shared_key
from fed.config import FedConfig
from fed.methods import fedlgd
from tests.fed.samples import part


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv(HOME, str(tmp_path))


def value(store, before):
    return {name: v.item() for name, v in store.load(before).items()}


def test_the_last_round_before_is_what_comes_back():
    store = ClientStore(FedConfig(), 0, part(0), "run")
    assert store.load(1) == {}
    for rounds in (0, 1, 4, 6):
        store.save(rounds, {"x": torch.tensor(rounds)})
    assert [value(store, before)["x"] for before in (1, 5, 6, 7, 99)] == [0, 4, 4, 6, 6]
    # Of the run's files the last two are left: a server that was killed repeats at most the last round.
    assert sorted(p.name for p in store.folder.iterdir()) == [
        "run-4.safetensors",
        "run-6.safetensors",
        "start.safetensors",
    ]


def test_another_run_begins_at_the_start():
    first, second = (ClientStore(FedConfig(), 0, part(0), run) for run in ("one", "two"))
    first.save(0, {"x": torch.tensor(0)})
    first.save(3, {"x": torch.tensor(3)})
    assert value(second, 9) == {"x": 0}
    assert value(first, 9) == {"x": 3}


def test_files_are_found_by_what_matters():
    same = [
        ClientStore(FedConfig(rounds=n, method=method, train_on="virtual"), 0, part(0), "run").folder
        for n, method in ((1, "scaffold"), (2, "fedavg"))
    ]
    assert same[0] == same[1]
    others = [
        ClientStore(FedConfig(warm_up_steps=1), 0, part(0), "run"),
        ClientStore(FedConfig(match_batch=8), 0, part(0), "run"),
        ClientStore(FedConfig(method=fedlgd.Config(group_size=9)), 0, part(0), "run"),
        ClientStore(FedConfig(method=fedlgd.Config(teacher_steps=1)), 0, part(0), "run"),
        ClientStore(FedConfig(seed=1), 0, part(0), "run"),
        ClientStore(FedConfig(), 1, part(0), "run"),
        ClientStore(FedConfig(), 0, part(1), "run"),
        ClientStore(FedConfig(per_class=3), 0, part(0), "run"),
        ClientStore(FedConfig(), 0, part(0), "run"),
    ]
    assert len({same[0], *[store.folder for store in others]}) == 10
    wider = [FedConfig(method="fedavg", train_on="generated", generator_width=n) for n in (8, 16)]
    assert len({ClientStore(config, 0, part(0), "run").folder for config in wider}) == 2
    assert ClientStore(FedConfig(method=fedlgd.Config(contrast=0.0)), 0, part(0), "run").folder == others[-1].folder


def test_a_damaged_file_is_named():
    store = ClientStore(FedConfig(), 0, part(0), "run")
    store.save(0, {"x": torch.ones(3)})
    (store.folder / "start.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"start\.safetensors is damaged"):
        store.load(1)


def test_secrets_are_drawn_once_and_are_the_clients_own(tmp_path):
    first, second = secret(0), secret(1)
    assert len(first) == len(second) == 32
    assert first != second
    assert secret(0) == first
    assert (tmp_path / "client-0.secret").stat().st_mode & 0o777 == 0o600


def test_the_key_is_drawn_once_or_given(tmp_path):
    assert len(shared_key()) == 32
    assert shared_key() == shared_key() == (tmp_path / "mirage.key").read_bytes()
    path = tmp_path / "elsewhere"
    with pytest.raises(ValueError, match="elsewhere is no file; copy the other clients' key to it"):
        shared_key(str(path))
    path.touch(mode=0o600)
    path.write_bytes(b"k" * 64)
    assert shared_key(str(path)) == b"k" * 64
    path.write_bytes(b"k" * 65)
    with pytest.raises(ValueError, match="has 65 bytes, wanted 16 to 64"):
        shared_key(str(path))


@pytest.mark.parametrize("run", ["../..", "/tmp/other", "a/../..", "a\0", "r" * 65, "*"])
def test_the_server_cannot_reach_out_of_the_folder_by_the_runs_name(run, tmp_path):
    with pytest.raises(ValueError, match="the run's name is"):
        ClientStore(FedConfig(), 0, part(0), run)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_nobody_else_may_read_what_a_client_keeps(tmp_path):
    store = ClientStore(FedConfig(), 0, part(0), "run")
    store.folder.mkdir(mode=0o755)
    store.save(0, {"x": torch.ones(1)})
    store.save(1, {"x": torch.ones(1)})
    assert store.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in store.folder.iterdir()} == {0o600}


def test_files_of_others_in_the_folder_are_let_alone():
    store = ClientStore(FedConfig(), 0, part(0), "run")
    store.save(1, {"x": torch.tensor(1)})
    (store.folder / "run-copy.safetensors").write_bytes(b"")
    assert value(store, 9) == {"x": 1}


def test_what_was_made_costs_each_run_its_seconds_once():
    def store(run):
        return ClientStore(FedConfig(), 0, part(0), run)

    first = store("one")
    assert first.claim_seconds() == 0.0
    first.save(0, {"x": torch.tensor(0)}, 10.0)
    first.save(0, {"x": torch.tensor(0)}, 15.0)
    first.save(1, {"x": torch.tensor(0)}, 99.0)
    # Each message may be another process.
    assert store("one").claim_seconds() == 0.0
    second = store("two")
    assert second.claim_seconds() == 15.0
    assert store("two").claim_seconds() == 0.0
    # What it makes is added for the next.
    second.save(0, {"x": torch.tensor(0)}, 2.0)
    assert store("two").claim_seconds() == 0.0
    assert store("three").claim_seconds() == 17.0


@pytest.mark.parametrize(
    "text", ["", "[]", "[" * 100_000, '{"seconds": "a"}', '{"seconds": NaN, "run": ""}', '{"run": 1}']
)
def test_a_damaged_time_is_none(text):
    store = ClientStore(FedConfig(), 0, part(0), "run")
    store.save(0, {"x": torch.tensor(0)}, 3.0)
    (store.folder / "start.json").write_text(text)
    assert ClientStore(FedConfig(), 0, part(0), "other").claim_seconds() == 0.0
