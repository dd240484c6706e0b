import pytest
import torch

from fed.client.round import LocalRound
from fed.config import FedConfig
from fed.data.client_data import network
from tests.fed.samples import FACTS, part


def local_round(data, rounds=1, **more):
    config = FedConfig(method="fedavg", train_on=data, per_class=2, warm_up_steps=2)
    return LocalRound(
        config=config, client=0, round=rounds, part=part(0, count=40), net=network(FACTS, 0), lr=0.1, **more
    )


@pytest.mark.parametrize(("data", "held", "count"), [("real", 40, 40), ("subset", 12, 12)])
def test_real_data_and_parts_of_them(data, held, count):
    one = local_round(data)
    (x, y), taken = one.data()
    assert (len(x), len(y), taken) == (held, held, count)
    rows = {row.numpy().tobytes() for row in one.part.train[0]}
    assert {row.numpy().tobytes() for row in x} <= rows
    again, other = local_round(data).data()[0][0], local_round(data, rounds=2).data()[0][0]
    assert torch.equal(x, again)
    assert torch.equal(x, other) == (data == "real")


def test_virtual_data_are_made_once_and_kept():
    saved = []
    one = local_round("virtual", save=lambda rounds, tensors: saved.append((rounds, dict(tensors))))
    (x, y), count = one.data()
    assert (len(y), count) == (6, 12)
    assert one.data()[0][0] is x
    assert [rounds for rounds, _ in saved] == [0]
    assert torch.equal(saved[0][1]["virtual.x"], x)
    assert one.virtual_seconds > 0
    later = local_round("virtual", rounds=5, memory=one.memory)
    assert later.data()[0][0] is x
