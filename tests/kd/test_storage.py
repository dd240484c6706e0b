import json

import pytest
import torch
from torch import nn

from graphdistill.kd import load_network, save_network
from tests.kd.samples import mlp


def test_weights_and_facts_come_back_and_nothing_is_pickled(tmp_path):
    network = nn.Sequential(mlp(3), nn.BatchNorm1d(10))
    save_network(network, tmp_path / "out", card={"dataset": "ring"})
    again = load_network(nn.Sequential(mlp(0), nn.BatchNorm1d(10)), tmp_path / "out")
    first, second = network.state_dict(), again.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in second)
    assert not again.training
    card = json.loads((tmp_path / "out" / "card.json").read_text(encoding="utf-8"))
    assert (card["network"], card["facts"]) == ("Sequential", {"dataset": "ring"})
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"card.json", "student.safetensors"}


def test_another_network_and_damaged_files_are_refused(tmp_path):
    save_network(mlp(), tmp_path)
    with pytest.raises(ValueError, match=r"weights of another network than this Linear \(its card: Sequential"):
        load_network(nn.Linear(10, 10), tmp_path)
    with pytest.raises(ValueError, match="another network than this Sequential"):
        load_network(mlp(out_channels=3), tmp_path)
    path = tmp_path / "student.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="damaged"):
        load_network(mlp(), tmp_path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="give the folder that save_network wrote"):
        load_network(mlp(), tmp_path)
