import pytest
import torch
from flwr.app import Array, ArrayRecord, Message

from fed import client_app
from fed.client.store import shared_key
from fed.mirage.client import STEPS, keyed, pack, unpack
from fed.mirage.driver import merge
from fed.runtime.in_process import LocalGrid, identity
from fed.server.guard import Guard
from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.graphs import Graphs
from graphdistill.mirage import MirageConfig, distill_mirage
from tests.fed.mirage.test_server import payload
from tests.fed.samples import molecular


class Channel(LocalGrid):
    """Keeps what is sent; nodes may do as they should not."""

    def __init__(self, config, wrong=()):
        super().__init__(client_app.app, config.run_config(), config.clients)
        self.sent, self.wrong = [], wrong

    def _deliver(self, message: Message):
        reply = super()._deliver(message)
        if message.metadata.dst_node_id in self.wrong:
            self.wrong[message.metadata.dst_node_id](reply)
        self.sent.append((message, reply))
        return reply


def merged(config, channel):
    with identity():
        return merge(Guard(channel), config, 2, channel.get_node_ids())


def mined(held, share):
    """What mining all clients' graphs at once gives."""
    parts = [part.data.split("train") for part in held]
    graphs = [graph for some, _ in parts for graph in (some[i] for i in range(len(some)))]
    y = torch.cat([labels for _, labels in parts])
    every = torch.arange(len(y))
    data = GraphDataset("union", Graphs.from_data_list(graphs), y, every, every, every, "rocauc", "ogb")
    thresholds = tuple(max(2, -int(-share * n // 1)) for n in torch.bincount(y).tolist())
    return distill_mirage(data, MirageConfig(hops=2, thresholds=thresholds))


def test_what_is_merged_is_what_mining_all_molecules_gives(monkeypatch):
    config, held = molecular(monkeypatch, support=0.15, per_class=10**6, min_clients=1)
    channel = Channel(config)
    small = merged(config, channel)
    assert payload(small) == payload(mined(held, 0.15))
    assert small.meta["training_bytes"] == [part.training_bytes for part in held]
    assert len(channel.sent) == 3 * small.meta["rounds"]


@pytest.mark.parametrize(
    ("node", "name", "change", "error"),
    [
        (3, "counts", lambda v: v.astype("float32"), "node 3 was refused: counts is float32, wanted integers"),
        (3, "counts", lambda v: v[:-1], "without it: client 2 sent "),
        (3, "present", lambda v: v[:-1], "without it: client 2 sent present of shape"),
        (3, "ids", lambda v: v.ravel(), "without it: client 2 sent ids of shape"),
        (1, "trees/x", lambda v: v[:0], "without it: client 0 sent trees that cannot be read"),
        (3, "ids", lambda v: v.astype("int64"), "without it: client 2 sent ids of int64, wanted uint64"),
        (3, "present", lambda v: v.astype("int32"), "without it: client 2 sent present of int32, wanted uint8"),
        (3, "sizes", lambda v: pack(unpack(v) + 2**41), "without it: client 2 sent sizes from 2199023255"),
        (3, "sizes", lambda v: v | 128, "without it: client 2 sent sizes that cannot be read (the byte stream ends"),
        (3, "supports", lambda v: pack(unpack(v) - 9), "without it: client 2 sent supports that are not from 0 to"),
        (3, "counts", lambda v: pack(unpack(v) + 99), "without it: client 2 sent counts that are not from 0 to"),
        (1, "ids", lambda v: v ^ 1, "client 0 sent trees that cannot be read (ValueError('they are not those"),
    ],
)
def test_a_client_that_fails_is_left_out(node, name, change, error, monkeypatch):
    def wrong(reply):
        if name in reply.content["arrays"] and (node != 1 or "trees/x" in reply.content["arrays"]):
            arrays = {n: array.numpy() for n, array in reply.content["arrays"].items()}
            reply.content["arrays"] = ArrayRecord(
                {n: Array(v) for n, v in {**arrays, name: change(arrays[name])}.items()}
            )

    config, held = molecular(monkeypatch, support=0.15, per_class=10**6, min_clients=1)
    with identity():
        guard = Guard(Channel(config, {node: wrong}))
        small = merge(guard, config, 2, [1, 2, 3])
    assert len(guard.refused) == 1
    assert error in guard.refused[0]
    assert payload(small) == payload(mined([part for number, part in enumerate(held, 1) if number != node], 0.15))
    assert len(small.meta["training_bytes"]) == 2


def test_the_most_supported_of_each_class_are_kept(monkeypatch):
    config, held = molecular(monkeypatch, support=0.15, per_class=2, min_clients=1)
    small, whole = merged(config, Channel(config)), mined(held, 0.15)
    assert small.meta["supports"] == [sorted(s, reverse=True)[:2] for s in whole.meta["supports"]]
    assert torch.bincount(small.y).tolist() == [2, 2]


def test_trees_of_one_client_never_leave_it(monkeypatch):
    config, held = molecular(monkeypatch, support=0.05, per_class=10**6)
    ids = [{row.numpy().tobytes() for row in part.train[0].trees.ids()[-1]} for part in held]
    alone = [mine - set().union(*(ids[:i] + ids[i + 1 :])) for i, mine in enumerate(ids)]
    assert any(alone)
    channel = Channel(config)
    small = merged(config, channel)
    content = small.forest.trees.ids()[-1]
    known = {row.numpy().tobytes() for row in content}
    assert known
    assert not known & set().union(*alone)
    for message, reply in channel.sent:
        step = STEPS[int(message.content["request"]["step"].numpy())]
        arrays = {name: array.numpy() for name, array in reply.content["arrays"].items()}
        assert all(value.dtype.kind in "ui" for value in arrays.values())
        assert set(reply.content.metric_records["metrics"]) == {"client", "training-bytes"}
        if step == "describe":
            # Ids have a key that no client requests, and that the server lacks.
            sent = {row.tobytes() for row in arrays["ids"]}
            assert sent <= {row.tobytes() for row in keyed(content, shared_key())}
            assert not sent & known
        assert (step == "describe") == any("/" in name for name in arrays)


def test_noise_is_the_clients_own_and_stays(monkeypatch):
    config, _ = molecular(monkeypatch, support=0.15, per_class=3, support_epsilon=1.0)
    first, second = (merged(config, Channel(config)) for _ in range(2))
    assert payload(first) == payload(second)
    assert first.meta["slack"] == 8


def test_too_much_support_is_an_error_about_the_option(monkeypatch):
    config, _ = molecular(monkeypatch, support=0.95)
    with pytest.raises(ValueError, match=r"--support 0.95: no tree of class"):
        merged(config, Channel(config))
