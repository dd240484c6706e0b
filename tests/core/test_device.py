"""Names of devices: what they mean here, and what is refused."""

import pytest
import torch

from graphdistill.core.device import resolve_device


def test_auto_is_the_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("auto") == torch.device("cuda")
    assert resolve_device("cuda:1") == torch.device("cuda:1")
    assert resolve_device("cpu") == torch.device("cpu")
    with pytest.raises(ValueError, match="this machine has 2 GPUs, counted from 0; give one of them"):
        resolve_device("cuda:2")


def test_without_a_gpu_cuda_is_refused_and_auto_is_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert resolve_device("auto") == torch.device("cpu")
    with pytest.raises(ValueError, match=r"--device cuda: torch .* finds no GPU here; give cpu or auto"):
        resolve_device("cuda")


@pytest.mark.parametrize("name", ["gpu", "", "cpu:0", "cuda:x", "auto:1"])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(ValueError, match=r"is unknown; choose from cpu, cuda, auto"):
        resolve_device(name)
