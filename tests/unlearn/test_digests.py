import hashlib
import json

import torch
from torch import nn

from graphdistill.core.sets.storage import sha256
from graphdistill.kd.storage import save_network
from graphdistill.unlearn.digests import network_digest, request_bytes


def test_digests_are_those_of_the_files(tmp_path):
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    save_network(network, tmp_path, file="model.safetensors")
    data = (tmp_path / "model.safetensors").read_bytes()
    assert network_digest(network) == hashlib.sha256(data).hexdigest()
    assert json.loads((tmp_path / "card.json").read_text(encoding="utf-8"))["sha256"] == sha256(data)


def test_a_request_is_written_as_json():
    assert json.loads(request_bytes(torch.tensor([3, 4]))) == [3, 4]
