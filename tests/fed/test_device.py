"""Clients on another device than the CPU: a second one that is simulated, and the GPU where there is one."""

import math

import pytest
import torch
from flwr.app import Context, RecordDict

from fed import client_app
from fed.client import virtual_data as virtual
from fed.client.round import LocalRound
from fed.config import FedConfig
from fed.data.client_data import network
from fed.methods import FAMILY, fedlgd
from fed.methods._method import method_of
from fed.runtime.in_process import run_in_process
from fed.server_app import app as server
from graphdistill.condense.matching.objective import gradient
from tests.fed.samples import FACTS, federation, part, quick
from tests.second_device import second_device


def rounds(method, device):
    """The network, the client's tensors and the arrays that travel after two rounds of a client."""
    options = quick(method)
    if method == "fedlgd":
        options = fedlgd.Config(teacher_steps=2, refresh_every=1, refresh_steps=2)
    config = FedConfig(method=options, per_class=2, warm_up_steps=2)
    made, net, memory = method_of(config), network(FACTS, 0), {}
    for number in (1, 2):
        local = LocalRound(
            config=config,
            client=0,
            round=number,
            part=part(0, count=30),
            net=net,
            lr=0.1,
            memory=memory,
            received=dict(network(FACTS, 0).state_dict()),
            extra_arrays=made.extra_arrays(net),
            device=device,
        )
        made.fit(local)
        net, memory = local.net, local.memory
    return {**net.state_dict(), **memory, **local.extra_arrays}


@pytest.mark.parametrize("method", FAMILY.names("images"))
def test_a_clients_rounds_on_a_second_device_are_those_on_the_cpu(method):
    here = rounds(method, "cpu")
    with second_device() as device:
        there = rounds(method, device)
        assert there.keys() == here.keys()
        for name, value in here.items():
            assert there[name].device.type == "cpu"
            assert torch.equal(there[name], value)


def test_virtual_images_come_back_to_the_cpu():
    own, first = part(0, count=30), (torch.rand(3, 1, 8, 8), torch.arange(3))
    wanted = gradient(network(FACTS, 5), *own.train)
    here = [virtual.warm_up(own.train, 2, 0, 2, group_size=5)[0]]
    here.append(virtual.match_gradient(network(FACTS, 0), wanted, first, 2)[0])
    with second_device() as device:
        there = [virtual.warm_up(own.train, 2, 0, 2, group_size=5, device=device)[0]]
        there.append(virtual.match_gradient(network(FACTS, 0).to(device), wanted, first, 2)[0])
        assert all(images.device.type == "cpu" for images in there)
        assert all(map(torch.equal, here, there))


def test_a_clients_own_device_comes_before_that_of_the_federation(monkeypatch):
    monkeypatch.setattr(client_app, "resolve_device", lambda name: name)
    config = FedConfig(method="fedavg", device="auto")
    contexts = [Context(1, 1, node, RecordDict(), config.run_config()) for node in ({}, {"device": "cuda:1"})]
    assert [client_app._device(config, context) for context in contexts] == ["auto", "cuda:1"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_a_client_lacks_is_refused_by_name(monkeypatch):
    config = federation(monkeypatch, [part(0), part(1)], method="fedavg", rounds=1, device="cuda")
    with pytest.raises(Exception, match=r"--device cuda: torch .* finds no GPU here; give cpu or auto"):
        run_in_process(server, client_app.app, config.run_config(), 2)


def test_results_do_not_depend_on_the_device_by_name():
    assert FedConfig(device="cuda").settings() == FedConfig().settings()
    assert FedConfig.of(FedConfig(device="auto").run_config()).device == "auto"
    with pytest.raises(ValueError, match="--device 'gpu' is unknown; choose from cpu, cuda, auto"):
        FedConfig(device="gpu")


@pytest.mark.gpu
@pytest.mark.parametrize("method", ["fedlgd", "moon", "scaffold", "vhl", "fedbn"])
def test_a_federation_of_two_rounds_on_the_gpu(method, monkeypatch):
    config = federation(monkeypatch, [part(0), part(1)], method=method, rounds=2, device="cuda")
    state = run_in_process(server, client_app.app, config.run_config(), 2)
    model = state.array_records["model"].to_torch_state_dict()
    assert all(value.device.type == "cpu" for value in model.values())
    assert all(math.isfinite(float(value.double().sum())) for value in model.values())
