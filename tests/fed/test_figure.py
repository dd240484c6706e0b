from matplotlib.image import imread

from fed import figure
from fed.config import FedConfig
from tests.fed.test_report import outcome


def test_figures_differ_with_what_they_show(tmp_path):
    for number, clients in enumerate((1, 3, 3)):
        result = outcome(clients, **{"chosen round": number % 2})
        figure.draw_rounds(result, tmp_path / f"rounds{number}.png")
        figure.draw_clients(FedConfig(method="fedavg"), result, tmp_path / f"clients{number}.png")
    rounds, clients = ([imread(tmp_path / f"{name}{i}.png") for i in range(3)] for name in ("rounds", "clients"))
    assert (rounds[1] != rounds[2]).any()
    assert clients[0].shape == clients[1].shape
    assert (clients[0] != clients[1]).any()
    assert (clients[1] == clients[2]).all()


def test_many_clients_fit(tmp_path):
    figure.draw_clients(FedConfig(method="fedavg"), outcome(100), tmp_path / "many.png")
    assert imread(tmp_path / "many.png").shape[1] <= 1800
