import torch
from flwr.app import ArrayRecord, MetricRecord, RecordDict
from flwr.serverapp.strategy import FedAvg

from fed.strategy import Federation, FedLGD


def told(client, valid):
    numbers = {"num-examples": client + 1, "client": client, "valid": valid, "loss": 1.0 + client}
    return RecordDict({"metrics": MetricRecord({**numbers, "seconds": 1.0, "refresh-seconds": 0.5})})


def test_averaging_is_fedavgs_own():
    assert Federation.aggregate_train is FedLGD.aggregate_train is FedAvg.aggregate_train


def test_validation_keeps_the_best_model_that_was_sent():
    strategy = Federation(2)
    for number, (first, second) in enumerate([(0.1, 0.3), (0.6, 0.8), (0.5, 0.5)], start=1):
        strategy.round, strategy.sent = number, ArrayRecord({"w": torch.tensor([float(number)])})
        metrics = strategy._note([told(0, first), told(1, second)], "num-examples")
    assert metrics["valid"] == 0.5
    assert abs(metrics["loss"] - (1 + 2 * 2) / 3) < 1e-9
    valid, rounds, arrays = strategy.best
    assert (valid, rounds, arrays["w"].numpy().tolist()) == (0.7, 1, [2.0])
    assert strategy.seconds["local training"] == 6.0
