import json
import math
import time

import numpy as np
import pytest
import torch
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict

from fed import client_app
from fed.config import FedConfig
from fed.runtime.in_process import LocalGrid, identity, run_in_process
from fed.server.guard import Guard
from fed.server.replies import COUNTS, EVALUATE, REGISTER, STATISTICS, SYNC, TRAIN
from fed.server_app import app as server
from tests.fed.samples import federation, hostile, molecular, part


def metric(name, value):
    def spoil(reply):
        dict.__setitem__(reply.content["metrics"].__dict__["_data"], name, value)

    spoil.__name__ = f"{name} {value!r:.9}"
    return spoil


def record(name, value):
    def spoil(reply):
        reply.content[name] = value

    spoil.__name__ = f"record {name} {type(value).__name__}"
    return spoil


def without(name):
    def spoil(reply):
        del reply.content[name]

    spoil.__name__ = f"without {name}"
    return spoil


def arrays(change):
    def spoil(reply):
        held = {name: array.numpy() for name, array in reply.content["arrays"].items()}
        reply.content["arrays"] = ArrayRecord(
            {n: v if isinstance(v := change(a), Array) else Array(v) for n, a in held.items()}
        )

    spoil.__name__ = "arrays"
    return spoil


def broken(reply):
    raise OSError("out of memory")


def left(reply):
    raise SystemExit(3)


def nothing(reply):
    return "no reply"


def stranger(reply):
    reply.metadata.__dict__["_src_node_id"] = 77


def slow(reply):
    time.sleep(60)


NUMBERS = (math.nan, math.inf, 1e300, -1e300, 10**400, True, [0.5])
ANY = [broken, left, nothing, stranger, without("metrics"), record("again", MetricRecord({"a": 1}))]
ANY += [record("metrics", ArrayRecord()), metric("more", 1.0), metric("client", 0), metric("client", 1e12)]
WAYS = [(kind, spoil) for kind in (TRAIN, EVALUATE, REGISTER) for spoil in ANY if spoil.__name__ != "client 0"]
WAYS += [(kind, spoil) for kind in (SYNC, STATISTICS) for spoil in ANY if not spoil.__name__.startswith("client")]
WAYS += [(TRAIN, metric("client", 0)), (EVALUATE, metric("client", 0)), (REGISTER, metric("client", 0))]
WAYS += [(TRAIN, metric(n, v)) for n in ("num-examples", "loss", "valid", "seconds") for v in NUMBERS]
WAYS += [(TRAIN, metric("num-examples", 1e12)), (EVALUATE, metric("trivial", math.nan)), (SYNC, metric("kept", 0))]
WAYS += [(EVALUATE, metric("score", v)) for v in NUMBERS]
WAYS += [(REGISTER, metric(n, v)) for n in ("classes", "height", "num-examples") for v in (*NUMBERS, 7, 0)]
WAYS += [(REGISTER, without("facts")), (REGISTER, record("facts", ConfigRecord({"name": "../x"})))]
WAYS += [(STATISTICS, metric("mean-0-0", v)) for v in NUMBERS] + [(STATISTICS, metric("mean-9-0", 0.5))]
WAYS += [
    (TRAIN, arrays(change))
    for change in (
        lambda a: a * np.nan,
        lambda a: a + np.float32(1e30),
        lambda a: a.astype(np.float64),
        lambda a: a.astype(np.int64),
        lambda a: a.astype(np.complex64),
        lambda a: a > 0,
        lambda a: a[:0],
        lambda a: a.ravel(),
        lambda a: Array("float32", a.shape, "numpy.ndarray", b"garbage"),
        lambda a: Array("float32", a.shape, "numpy.ndarray", b""),
    )
]


@pytest.mark.parametrize(("kind", "spoil"), WAYS, ids=lambda value: getattr(value, "__name__", value))
def test_one_bad_client_is_left_out_by_name_and_the_rest_goes_on(kind, spoil, monkeypatch):
    parts = [part(0), part(1), part(2)]
    method = "fedlgd" if kind in (SYNC, STATISTICS) else "fedavg"
    config = federation(monkeypatch, parts, method=method, rounds=2, statistics=kind == STATISTICS)
    state = run_in_process(server, hostile(kind, 2, spoil), config.run_config(), 3)
    outcome = json.loads(state.config_records["outcome"]["json"])
    assert outcome["refused"]
    assert all(line.startswith(("node 3 failed: ", "node 3 was refused: ")) for line in outcome["refused"])
    assert len(outcome["history"]) == 2
    assert outcome["test"].keys() == ({"0", "1"} if kind in (EVALUATE, REGISTER) else {"0", "1", "2"})
    if kind in (TRAIN, REGISTER):
        # What the others learn is what they learn by themselves.
        assert [line["valid before"].keys() for line in outcome["history"]] == [{"0", "1"}] * 2
        assert all(torch.isfinite(value).all() for value in state["model"].to_torch_state_dict().values())


@pytest.mark.parametrize("spoil", [arrays(lambda a: a * np.nan), metric("num-examples", 1e12), broken])
@pytest.mark.parametrize("side", ["server", "client"])
def test_with_noise_one_bad_client_loses_no_round(side, spoil, monkeypatch):
    noise = {"dp_noise": 1.0, "dp_clip": 0.5, "dp_side": side}
    config = federation(monkeypatch, [part(0), part(1), part(2)], method="fedavg", rounds=2, **noise)
    state = run_in_process(server, hostile(TRAIN, 2, spoil), config.run_config(), 3)
    outcome = json.loads(state.config_records["outcome"]["json"])
    assert (len(outcome["history"]), outcome["privacy"]["releases"]) == (2, 2)
    assert outcome["missing"] == []


@pytest.mark.parametrize("spoil", ANY[:6] + [metric("training-bytes", v) for v in NUMBERS] + [without("arrays")])
def test_federated_mirage_starts_anew_without_a_bad_client(spoil, monkeypatch):
    config, _ = molecular(monkeypatch, method="fedmirage", support=0.15, per_class=5, rounds=1)
    state = run_in_process(server, hostile(COUNTS, 1, spoil), config.run_config(), 3)
    outcome = json.loads(state.config_records["outcome"]["json"])
    assert outcome["refused"][0].startswith(("node 2 failed: ", "node 2 was refused: "))
    assert outcome["federated mirage"]["clients"] == 2


@pytest.mark.parametrize("kind", [REGISTER, SYNC, TRAIN, EVALUATE])
def test_a_client_that_does_not_answer_in_time_is_left_out(kind, monkeypatch):
    config = federation(monkeypatch, [part(0), part(1)], method="fedlgd", rounds=2, timeout=1.0)
    replies = []

    def once(config):
        replies.append(config)
        return len(replies) == 1

    state = run_in_process(server, hostile(kind, 1, slow, once), config.run_config(), 2)
    outcome = json.loads(state.config_records["outcome"]["json"])
    assert outcome["refused"] == [
        "node 2 failed: TimeoutError: no reply within 1 s; --timeout sets how long it may take"
    ]
    assert len(outcome["history"]) == 2


class Late(LocalGrid):
    """Keeps the replies of one node to itself while it is listed."""

    late = frozenset({2})

    def pull_messages(self, message_ids):
        ready = [name for name in message_ids if self._replies[name].metadata.src_node_id not in self.late]
        return super().pull_messages(ready)


def test_nodes_that_do_not_reply_take_part_again_once_they_have(monkeypatch):
    config = federation(monkeypatch, [part(0), part(1)], method="fedavg", timeout=0.1)
    with identity():
        grid = Late(client_app.app, config.run_config(), 2)
        guard = Guard(grid, config)

        def query():
            return [reply.has_content() for reply in guard.query(REGISTER, RecordDict(), [1, 2])]

        assert query() == [True, False]
        assert query() == [True, False]
        assert guard.refused == [
            "node 2 did not reply within 0.1 s; --timeout sets how long it may take",
            "node 2 did not reply to an earlier message within 0.1 s; --timeout sets how long it may take",
        ]
        # The second time it was not even sent a message.
        assert len(grid._replies) == 1
        grid.late = frozenset()
        assert query() == [True, True]
        grid.late = frozenset({1, 2})
        with pytest.raises(RuntimeError, match=r"all 2 clients failed: node 1 did not reply within 0.1 s.*node 2"):
            query()


def test_messages_that_cannot_be_sent_are_failures():
    class Full(LocalGrid):
        def push_messages(self, messages):
            return [None, *super().push_messages(list(messages)[1:])]

    with identity():
        guard = Guard(Full(lambda message, context: Message(RecordDict(), reply_to=message), {}, 2), FedConfig())
        with pytest.raises(RuntimeError, match=r"node 1 did not reply .*; node 2 was refused: records are none"):
            guard.query(EVALUATE, RecordDict(), [1, 2])
