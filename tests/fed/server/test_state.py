import dataclasses

import pytest
import torch

from fed.config import FedConfig
from fed.server.state import FILE, ServerState
from tests.fed.samples import FACTS

CONFIG = FedConfig(method="fedlgd", rounds=9)


def state():
    made = ServerState.first(CONFIG, FACTS, "run")
    made.sent, made.rounds, made.broadcast_changed, made.seconds, made.releases = made.arrays, 4, True, {"a": 1.5}, 4
    made.history = [{"round": 1, "loss": 2.0, "valid before": {0: 0.5, 1: 0.25}}]
    made.keep_best({0: 0.5, 1: 0.3}, {"w": torch.ones(2)}, 3)
    made.spent = 7, 8
    return made


def test_it_comes_back_as_it_was(tmp_path):
    first = state()
    first.write(tmp_path, CONFIG)
    again = ServerState.read(tmp_path, dataclasses.replace(CONFIG, rounds=20))
    for f in dataclasses.fields(ServerState):
        ours, theirs = getattr(first, f.name), getattr(again, f.name)
        if f.name in ("arrays", "sent", "best", "broadcast"):
            assert ours.keys() == theirs.keys()
            assert all(torch.equal(ours[name], theirs[name]) for name in ours)
        else:
            assert list(ours) == list(theirs) if f.name == "spent" else ours == theirs


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"seed": 1}, "had --seed 0, now it is 1; give the same"),
        ({"per_class": 2}, "had --per-class 10, now it is 2"),
        ({"rounds": 3}, "4 rounds are done, but --rounds is 3"),
    ],
)
def test_another_run_is_not_resumed(change, error, tmp_path):
    state().write(tmp_path, CONFIG)
    with pytest.raises(ValueError, match=error):
        ServerState.read(tmp_path, dataclasses.replace(CONFIG, **change))


def test_nothing_and_damage_are_named(tmp_path):
    with pytest.raises(ValueError, match="--resume: there is no checkpoint"):
        ServerState.read(tmp_path, CONFIG)
    (tmp_path / FILE).write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"--resume: .*damaged.*start a new run without --resume"):
        ServerState.read(tmp_path, CONFIG)


def test_the_first_models_are_the_same_for_a_seed():
    one, two, other = (ServerState.first(dataclasses.replace(CONFIG, seed=s), FACTS, "") for s in (0, 0, 1))
    assert all(torch.equal(one.arrays[n], two.arrays[n]) for n in one.arrays)
    assert not torch.equal(one.arrays["head.weight"], other.arrays["head.weight"])
    assert torch.equal(one.broadcast["x"], two.broadcast["x"])
