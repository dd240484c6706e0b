import pytest
from matplotlib.image import imread

from fed import figure
from fed.config import FedConfig
from tests.fed.test_report import outcome
from tests.figure_checks import check


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


@pytest.mark.parametrize("clients", [1, 3, 8, 9, 40, 100])
def test_no_text_touches_another_however_many_clients_there_are(clients, tmp_path, figures):
    figure.draw_rounds(outcome(clients), tmp_path / "rounds.png")
    figure.draw_clients(FedConfig(method="fedavg", train_on="subset"), outcome(clients), tmp_path / "clients.png")
    for drawn in figures:
        check(drawn)
    rounds, scores = figures
    labels = [text.get_text() for text in rounds.axes[0].texts]
    assert sum(text[0].isdigit() for text in labels) == (clients if clients <= figure.NAMED else 0)
    assert any(text.startswith("mean ") for text in labels)
    named = [label.get_text() for label in scores.axes[0].get_yticklabels()]
    assert (len(named) == clients) or clients > figure.LISTED
    assert imread(tmp_path / "clients.png").shape[1] <= 1800
