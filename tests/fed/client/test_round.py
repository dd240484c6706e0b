import pytest
import torch

from fed.client.round import Turn
from fed.config import FedConfig
from fed.data.client_data import network
from tests.fed.samples import FACTS, part, quick


def turn(method, rounds=1, **more):
    config = FedConfig(method=method, per_class=2)
    return Turn(config=config, client=0, round=rounds, part=part(0, count=40), net=network(FACTS, 0), rate=0.1, **more)


@pytest.mark.parametrize(("method", "held", "count"), [("fedavg", 40, 40), ("fedavg-subset", 12, 12)])
def test_real_data_and_parts_of_them(method, held, count):
    one = turn(method)
    (x, y), taken = one.data()
    assert (len(x), len(y), taken) == (held, held, count)
    rows = {row.numpy().tobytes() for row in one.part.train[0]}
    assert {row.numpy().tobytes() for row in x} <= rows
    again, other = turn(method).data()[0][0], turn(method, rounds=2).data()[0][0]
    assert torch.equal(x, again)
    assert torch.equal(x, other) == (method == "fedavg")


def test_virtual_data_are_made_once_and_kept(monkeypatch):
    quick(monkeypatch)
    saved = []
    one = turn("fedavg-virtual", save=lambda rounds, tensors: saved.append((rounds, dict(tensors))))
    (x, y), count = one.data()
    assert (len(y), count) == (6, 12)
    assert one.data()[0][0] is x
    assert [rounds for rounds, _ in saved] == [0]
    assert torch.equal(saved[0][1]["virtual.x"], x)
    assert one.virtual_seconds > 0
    later = turn("fedavg-virtual", rounds=5, memory=one.memory)
    assert later.data()[0][0] is x
