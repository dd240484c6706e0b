import numpy as np
import pytest
import torch
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict

from fed import guard
from fed.guard import COUNTS, fault

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


def counts(*arrays):
    record = ArrayRecord(
        {f"a{n}": array if isinstance(array, Array) else Array(array) for n, array in enumerate(arrays)}
    )
    return RecordDict({"arrays": record, "metrics": MetricRecord({"client": 0})})


@pytest.mark.parametrize(
    ("got", "said"),
    [
        (counts(np.arange(3, dtype=np.uint8), np.zeros((0, 2), np.uint64)), ""),
        (counts(np.ones(2, np.float32)), "a0 is float32, wanted integers"),
        (counts(np.ones(1, np.uint8), np.ones(2, bool)), "a1 is bool, wanted integers"),
        (counts(np.ones(65, np.uint8)), "a0 has 65 bytes, more than 64"),
        (counts(Array("uint8", (1,), "numpy.ndarray", b"none")), "a0 cannot be read: "),
        (RecordDict({"metrics": MetricRecord({"client": 0})}), "0 array records, wanted 1"),
    ],
)
def test_answers_to_federated_mirage_are_integers_and_not_too_many(got, said, monkeypatch):
    monkeypatch.setattr(guard, "MOST_BYTES", 64)
    assert fault(RecordDict(), got, COUNTS)[: len(said) or None] == said
