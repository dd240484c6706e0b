import copy

from fed.client.local_training import pseudo_gradient
from fed.client.round import Turn
from fed.config import FedConfig
from fed.data.client_data import network
from fed.methods import fedprox
from tests.fed.samples import FACTS, part


def test_clients_stay_near_the_global_model(monkeypatch):
    moved = []
    for weight in (0.0, 5.0):
        monkeypatch.setattr(fedprox, "PROXIMAL", weight)
        net, own = network(FACTS, 0), part(0, count=96)
        old = copy.deepcopy(net)
        fedprox.Method().fit(Turn(config=FedConfig(method="fedprox"), client=0, round=1, part=own, net=net, rate=0.05))
        moved.append(sum(float(g.square().sum()) for g in pseudo_gradient(old, net)))
    assert 0 < moved[1] < 0.8 * moved[0]
