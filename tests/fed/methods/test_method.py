import pytest
import torch

from fed.config import FedConfig
from fed.data.client_data import network
from fed.methods import METHODS, method_of
from fed.methods._method import Algorithm
from tests.fed.samples import FACTS


@pytest.mark.parametrize("name", sorted({name.partition("-")[0] for name in METHODS}))
def test_every_method_says_where_it_comes_from(name):
    method = method_of(name)
    assert isinstance(method, Algorithm)
    assert "https://" in method.paper
    assert method.rate > 0
    assert type(method).__doc__ is not None


def test_what_a_method_does_not_say():
    method, net = method_of("fedavg"), network(FACTS, 0)
    shared = {"x": torch.ones(1)}
    assert method.personalise(net, {}, 3) is net
    assert method.beside(net) == method.begin(FedConfig(), FACTS, None) == {}
    assert method.after(1, net, net, shared, 0.1) is shared
