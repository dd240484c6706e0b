import copy

from fed.client.local_training import pseudo_gradient
from fed.client.round import LocalRound
from fed.config import FedConfig
from fed.data.client_data import network
from fed.methods import fedprox
from tests.fed.samples import FACTS, part


def test_clients_stay_near_the_global_model():
    moved = []
    for weight in (0.0, 5.0):
        net, own = network(FACTS, 0), part(0, count=96)
        old = copy.deepcopy(net)
        options = fedprox.Config(mu=weight)
        local = LocalRound(config=FedConfig(method=options), client=0, round=1, part=own, net=net, lr=0.05)
        fedprox.Method(options).fit(local)
        moved.append(sum(float(g.square().sum()) for g in pseudo_gradient(old, net, 0.4)))
    assert 0 < moved[1] < 0.8 * moved[0]
