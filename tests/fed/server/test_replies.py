import io

import numpy as np
import pytest
import torch
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict

from fed.config import FedConfig
from fed.data.generators import blank_generator
from fed.server import replies
from fed.server.replies import (
    COUNTS,
    EVALUATE,
    GENERATOR,
    GRADIENT,
    REGISTER,
    STATISTICS,
    SYNC,
    TRAIN,
    TREES,
    Registration,
    fault,
)
from graphdistill.generate.storage import stored_tensors
from tests.fed.samples import FACTS

CONFIG = FedConfig(method="fedavg")
SENT = RecordDict({"arrays": ArrayRecord({"w": torch.ones(2, 2), "b": torch.ones(3)}), "config": ConfigRecord()})
KNOWN = Registration(client=1, name="own", examples=1, facts=FACTS, nodes=3, data="0" * 64)
TRAINED = {"client": 1, "num-examples": 1, "loss": 0.5, "valid": 0.25, "seconds": 1.0, "virtual-seconds": 0.0}
BEYOND = 10**400
IDS, SIZES = np.array([3, 5, 2**64 - 1], np.uint64), np.array([4, 0])
ASKED = RecordDict({"arrays": ArrayRecord({"weights": Array(np.zeros(3))}), "config": ConfigRecord()})
GOOD = {
    TRAIN: TRAINED,
    EVALUATE: {"client": 1, "score": 0.5, "trivial": -1.0},
    SYNC: {"kept": 1},
    STATISTICS: {"mean-0-0": 0.5, "deviation-0-0": 0.25, "mean-2-0": 1.0, "deviation-2-0": 0.0},
    COUNTS: {"client": 1, "training-bytes": 99},
    TREES: {"client": 1},
    GRADIENT: {"client": 1, "loss": 0.5, "score": 0.25, "trivial": -1.0},
    GENERATOR: {"client": 1, "seconds": 1.0, "count-0": 3, "count-1": 0, "count-2": 5},
    REGISTER: {"client": 1, "nodes": 3, "num-examples": 1, **FACTS},
}


class Smuggled(MetricRecord):
    """Holds what Flower would not let in."""

    def __init__(self, metrics):
        super().__init__()
        self.metrics = metrics

    def __getitem__(self, name):
        return self.metrics[name]

    def __iter__(self):
        return iter(self.metrics)

    def keys(self):
        return self.metrics.keys()

    def values(self):
        return self.metrics.values()

    def items(self):
        return self.metrics.items()


def trained(w=None, b=None, **metrics):
    arrays = {"w": torch.full((2, 2), 1.5) if w is None else w, "b": torch.ones(3) if b is None else b}
    record = ArrayRecord({n: v if isinstance(v, Array) else Array(np.asarray(v)) for n, v in arrays.items()})
    return RecordDict({"arrays": record, "metrics": MetricRecord({**TRAINED, **metrics})})


def good(kind):
    made = RecordDict({"metrics": MetricRecord(GOOD[kind])})
    if kind == TRAIN:
        made["arrays"] = trained()["arrays"]
    if kind == COUNTS:
        made["arrays"] = ArrayRecord({"ids": Array(np.arange(3))})
    if kind == TREES:
        made["arrays"] = ArrayRecord({"ids": Array(IDS), "sizes": Array(SIZES)})
    if kind == GRADIENT:
        made["arrays"] = ArrayRecord({"gradient": Array(np.zeros(3, np.float32))})
    if kind == GENERATOR:
        made["arrays"] = ArrayRecord(dict(sorted(stored_tensors(blank_generator(CONFIG, FACTS)).items())))
    if kind == REGISTER:
        made["facts"] = ConfigRecord({"name": "own", "data": "0" * 64})
    return made


@pytest.mark.parametrize(
    ("kind", "known"),
    [(kind, known) for kind in GOOD for known in (None, KNOWN) if known or kind not in (STATISTICS, GENERATOR)],
)
def test_what_honest_clients_send_passes(kind, known):
    assert fault(ASKED if kind == GRADIENT else SENT, good(kind), kind, CONFIG, known) == ""


@pytest.mark.parametrize(
    ("ids", "sizes", "problem"),
    [
        (IDS[::-1], SIZES, "ids are uint64 of shape (3,), wanted a row of distinct uint64 in ascending order"),
        (IDS[[0, 0]], SIZES, "ids are uint64 of shape (2,), wanted a row of distinct"),
        (IDS[None], SIZES, "ids are uint64 of shape (1, 3), wanted a row"),
        (IDS.astype(np.int64), SIZES, "ids are int64 of shape (3,), wanted a row"),
        (IDS.astype(float), SIZES, "ids is float64, wanted integers"),
        (IDS, SIZES.astype(np.float32), "sizes is float32, wanted integers"),
        (IDS, SIZES[:1], "sizes are [4], wanted two int64 numbers from 0 to"),
        (IDS, -SIZES, "sizes are [-4, 0], wanted two"),
        (IDS, SIZES + 2**40, "sizes are [1099511627780, 1099511627776], wanted two"),
    ],
)
def test_ids_of_trees_are_checked(ids, sizes, problem):
    got = good(TREES)
    got["arrays"] = ArrayRecord({"ids": Array(ids), "sizes": Array(sizes)})
    assert fault(RecordDict(), got, TREES, CONFIG, KNOWN).startswith(problem)
    got["arrays"] = ArrayRecord({"ids": Array(ids)})
    assert fault(RecordDict(), got, TREES, CONFIG, KNOWN) == "arrays are ids, wanted ids, sizes"


@pytest.mark.parametrize(
    ("gradient", "problem"),
    [
        (np.zeros(2, np.float32), "gradient is float32 of shape (2,), wanted float32 of shape (3,)"),
        (np.zeros(3, np.float16), "gradient is float16 of shape (3,), wanted float32 of shape (3,)"),
        (np.zeros(3), "gradient has 152 bytes of numpy.ndarray, wanted 140 or fewer of numpy"),
        (np.array([0, np.nan, 0], np.float32), "gradient holds NaN or infinite values"),
        (np.array([0, np.inf, 0], np.float32), "gradient holds NaN or infinite values"),
    ],
)
def test_gradients_are_checked(gradient, problem):
    got = good(GRADIENT)
    got["arrays"] = ArrayRecord({"gradient": Array(gradient)})
    assert fault(ASKED, got, GRADIENT, CONFIG, KNOWN) == problem


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -1e300, 1e300, BEYOND, 1e12, True, False, [1.0], "1", None]
)
def test_a_metric_out_of_range_is_refused_by_name(kind, value):
    for name in GOOD[kind]:
        got = good(kind)
        got.metric_records.pop("metrics", None)
        got["metrics"] = Smuggled({**GOOD[kind], name: value})
        if kind in (COUNTS, GENERATOR) and (name == "training-bytes" or "count-" in name) and value == 1e12:
            continue
        problem = fault(SENT, got, kind, CONFIG, KNOWN)
        assert problem.startswith(f"{name} is "), (name, problem)
        assert len(problem) <= replies.MAX_TEXT


@pytest.mark.parametrize("kind", GOOD)
def test_metrics_and_records_are_complete_and_no_more(kind):
    for name in GOOD[kind]:
        got = good(kind)
        del got["metrics"][name]
        assert fault(SENT, got, kind, CONFIG, KNOWN).startswith("the metrics record lacks ")
    got = good(kind)
    got["metrics"]["more"] = 1.0
    assert fault(SENT, got, kind, CONFIG, KNOWN) == "the metrics record also has more"
    for more in (MetricRecord(GOOD[kind]), ArrayRecord(), ConfigRecord()):
        got = good(kind)
        got["again"] = more
        assert fault(SENT, got, kind, CONFIG, KNOWN).startswith("records are again, ")
    for name in list(good(kind)):
        got = good(kind)
        del got[name]
        assert ", wanted " in fault(SENT, got, kind, CONFIG, KNOWN)
        got[name] = MetricRecord() if name != "metrics" else ArrayRecord()
        assert fault(SENT, got, kind, CONFIG, KNOWN) == "its records are not of the kinds of their names"


def npy(header, data=b""):
    """A file of numpy with any header."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + data


def raw(data, kind="numpy.ndarray"):
    return Array("float32", (2, 2), kind, data)


CLAIM = {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**6)}


@pytest.mark.parametrize(
    ("got", "problem"),
    [
        (trained(torch.ones(3, 2)), "w has 152 bytes of numpy.ndarray, wanted 144 or fewer of numpy"),
        (trained(torch.ones(4)), "w is float32 of shape (4,), wanted float32 of shape (2, 2)"),
        (trained(torch.full((2, 2), torch.nan)), "w holds NaN or infinite values"),
        (trained(b=torch.tensor([0, torch.inf, 0])), "b holds NaN or infinite values"),
        (trained(torch.full((2, 2), 1e6)), "the update's length 2e+06 is above 26.5"),
        (trained(torch.full((2, 2), 1e30)), "the update's length 2e+30 is above 26.5"),
        (trained(np.ones((2, 2), np.float16)), "w is float16 of shape (2, 2), wanted float32 of shape (2, 2)"),
        (trained(np.ones((2, 1), np.float64)), "w is float64 of shape (2, 1), wanted float32 of shape (2, 2)"),
        (trained(np.ones((2, 1), np.int64)), "w is int64 of shape (2, 1), wanted float32 of shape (2, 2)"),
        (trained(np.ones((2, 1), np.complex64)), "w is complex64 of shape (2, 1), wanted float32 of shape (2, 2)"),
        (trained(np.ones((2, 2), bool)), "w is bool of shape (2, 2), wanted float32 of shape (2, 2)"),
        (trained(np.ones((0, 2), np.float32)), "w is float32 of shape (0, 2), wanted float32 of shape (2, 2)"),
        (trained(raw(b"")), "w cannot be read: EOF: reading magic string"),
        (trained(raw(b"\x00garbage bytes")), "w cannot be read: the magic string is not correct"),
        (trained(raw(npy(CLAIM))), "w cannot be read: 0 bytes are not float32 of shape (1000000, 1000000)"),
        (trained(raw(npy({**CLAIM, "descr": "|O"}))), "w cannot be read: 0 bytes are not object of shape"),
        (trained(raw(b"", "pickle")), "w has 0 bytes of pickle, wanted 144 or fewer of numpy"),
        (trained(np.ones(10**6, np.float32)), "w has 4,000,128 bytes of numpy.ndarray, wanted 144 or fewer of numpy"),
    ],
)
def test_a_model_is_like_the_one_that_was_sent(got, problem):
    assert fault(SENT, got, TRAIN, CONFIG, KNOWN).startswith(problem)


def test_arrays_come_in_their_order():
    arrays = trained()["arrays"]
    for names in (["b", "w"], ["w"], ["w", "b", "c"]):
        got = trained()
        got["arrays"] = ArrayRecord({name: arrays.get(name, arrays["w"]) for name in names})
        assert fault(SENT, got, TRAIN, CONFIG, KNOWN) == f"arrays are {', '.join(names)}, wanted w, b"


def test_an_update_that_should_be_cut_is():
    request = RecordDict({"arrays": SENT["arrays"], "config": ConfigRecord({"clipping_norm": 0.9})})
    assert fault(request, trained(), TRAIN, CONFIG, KNOWN) == "the update's length 1 is above 0.901"


def test_a_weight_is_what_the_client_is_registered_with():
    sized = FedConfig(method="fedavg", weights="size")
    for config, known, examples, problem in (
        (CONFIG, KNOWN, 12, "num-examples is 12, wanted 1"),
        (CONFIG, None, 2, "num-examples is 2, wanted 1"),
        (sized, None, 2**31 + 1, "num-examples is 2147483649, wanted a whole number from 1 to 2.14748e+09"),
        (sized, None, 0.5, "num-examples is 0.5, wanted a whole number from 1 to 2.14748e+09"),
    ):
        assert fault(SENT, trained(**{"num-examples": examples}), TRAIN, config, known) == problem


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"name": "own"}, "the facts record holds name, wanted data, name"),
        ({"name": "", "data": "0" * 64}, "its name is '', wanted printable text of 1 to 300 characters"),
        ({"name": "x" * 301, "data": "0" * 64}, "its name is 'xxxx"),
        ({"name": "\x1b[31m", "data": "0" * 64}, "its name is '\\x1b[31m', wanted printable text"),
        ({"name": 3, "data": "0" * 64}, "its name is 3, wanted printable text"),
        ({"name": "own", "data": "../x"}, "the digest of its data is '../x', wanted 64 hexadecimal digits"),
    ],
)
def test_who_a_client_says_it_is_can_be_shown(facts, problem):
    got = good(REGISTER)
    got["facts"] = ConfigRecord(facts)
    assert fault(SENT, got, REGISTER, CONFIG).startswith(problem)


def test_statistics_are_of_the_federations_classes():
    for name in ("mean-3-0", "mean-0-1", "median-0-0", "mean-0"):
        got = good(STATISTICS)
        got["metrics"][name] = 0.5
        assert fault(SENT, got, STATISTICS, CONFIG, KNOWN) != ""


def counts(*arrays):
    got = good(COUNTS)
    got["arrays"] = ArrayRecord({f"a{n}": a if isinstance(a, Array) else Array(a) for n, a in enumerate(arrays)})
    return got


@pytest.mark.parametrize(
    ("got", "problem"),
    [
        (counts(np.arange(3, dtype=np.uint8), np.zeros((0, 2), np.uint64)), ""),
        (counts(np.ones(2, np.float32)), "a0 is float32, wanted integers"),
        (counts(np.ones(1, np.uint8), np.ones(2, bool)), "a1 is bool, wanted integers"),
        (counts(np.ones(400, np.uint8)), "its arrays have 528 bytes, more than 512"),
        (counts(*[np.ones(9, np.uint8)] * 4), "its arrays have 548 bytes, more than 512"),
        (counts(raw(b"none")), "a0 cannot be read: "),
        (counts(raw(npy(CLAIM))), "a0 cannot be read: 0 bytes are not float32 of shape"),
    ],
)
def test_answers_about_trees_are_integers_and_not_too_many(got, problem, monkeypatch):
    monkeypatch.setattr(replies, "MAX_BYTES", 512)
    assert fault(RecordDict(), got, COUNTS, CONFIG)[: len(problem) or None] == problem


def test_nothing_that_a_reply_holds_raises():
    class Broken(RecordDict):
        def keys(self):
            raise MemoryError("10 TB")

    assert fault(SENT, Broken(), TRAIN, CONFIG) == "it cannot be read: MemoryError('10 TB')"
