import pytest
import torch
from flwr.app import ArrayRecord, ConfigRecord, MetricRecord, RecordDict

from fed.guard import fault

SENT = RecordDict({"arrays": ArrayRecord({"w": torch.ones(2, 2)}), "config": ConfigRecord()})


def reply(weight=None, **metrics):
    weight = torch.full((2, 2), 1.5) if weight is None else weight
    return RecordDict(
        {"arrays": ArrayRecord({"w": weight}), "metrics": MetricRecord({"num-examples": 3, "loss": 0.5, **metrics})}
    )


def test_a_good_reply_passes():
    assert fault(SENT, reply(), "train") == ""


@pytest.mark.parametrize(
    ("got", "said"),
    [
        (reply(torch.ones(3, 2)), "w has shape (3, 2), wanted (2, 2)"),
        (reply(torch.full((2, 2), torch.nan)), "w holds NaN or infinite values"),
        (reply(torch.full((2, 2), 1e6)), "the update's length 2e+06 is above 20"),
        (reply(loss=float("nan")), "a metric is NaN or infinite"),
        (reply(**{"num-examples": 0}), "num-examples is absent or not above 0"),
        (RecordDict({"metrics": MetricRecord({"num-examples": 1})}), "0 array records, wanted 1"),
        (
            RecordDict({"arrays": ArrayRecord({"v": torch.ones(2)}), "metrics": MetricRecord({"num-examples": 1})}),
            "arrays are v, wanted w",
        ),
        (RecordDict({"arrays": ArrayRecord({"w": torch.ones(2, 2)})}), "0 metric records, wanted 1"),
    ],
)
def test_a_bad_one_is_named(got, said):
    assert fault(SENT, got, "train") == said


def test_only_training_sends_a_model():
    assert fault(SENT, reply(), "evaluate") == "1 array records, wanted none"
