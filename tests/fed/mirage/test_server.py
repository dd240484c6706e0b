import dataclasses
import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data

from fed.data.partition import iid
from fed.mirage.client import MirageClient, tidy
from fed.mirage.noise import Noise
from fed.mirage.server import federated_mirage, local
from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.graphs import Graphs
from graphdistill.mirage import MirageConfig, distill_mirage
from tests.strategies import SMALL, graph_lists


def dataset(graphs, y):
    every = torch.arange(len(y))
    return GraphDataset("toy", Graphs.from_data_list(graphs), y, every, every, every, "accuracy", "categorical")


def bags(*groups):
    """Graphs of isolated atoms: a tree is an atom."""
    empty = torch.empty(2, 0, dtype=torch.long)
    return [Data(x=torch.tensor(atoms)[:, None], edge_index=empty) for atoms in groups]


def holders(data, parts, hops, **more):
    classes = int(data.y.max()) + 1
    return [MirageClient(data.graphs.subset(p), data.y[p], hops, classes, **more) for p in parts]


def federated(data, parts, hops, thresholds, min_clients=1, **more):
    clients = holders(data, parts, hops, **more)
    return federated_mirage(local(clients), len(clients), thresholds, data.features, min_clients=min_clients)


def payload(synthetic):
    """All bytes of a set, without edge features that no tree has."""
    forest = dataclasses.replace(synthetic.forest, trees=tidy(synthetic.forest.trees))
    tensors = dataclasses.replace(synthetic, data=forest).payload()
    return {name: (str(t.dtype), t.tolist()) for name, t in tensors.items()}


@settings(deadline=None, max_examples=40)
@given(
    graphs=graph_lists(pools=SMALL, max_graphs=9),
    seed=st.integers(0, 99),
    clients=st.integers(1, 4),
    hops=st.integers(0, 2),
    thresholds=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    key=st.sampled_from((b"", b"secret")),
)
def test_counts_of_clients_give_the_bytes_of_mining_the_union(graphs, seed, clients, hops, thresholds, key):
    graphs = graphs + graphs[:1] * 2
    data = dataset(graphs, torch.tensor([0, 1] * len(graphs))[: len(graphs)])
    parts = iid(len(graphs), min(clients, len(graphs)), torch.Generator().manual_seed(seed))
    config = MirageConfig(hops=hops, thresholds=thresholds)
    try:
        expected = distill_mirage(data, config)
    except ValueError:
        with pytest.raises(ValueError, match="--thresholds: no tree of class"):
            federated(data, parts, hops, thresholds, key=key)
    else:
        assert payload(federated(data, parts, hops, thresholds, key=key)) == payload(expected)


def test_a_set_that_is_closed_at_no_client_is_found():
    data = dataset(bags([1, 2], [1, 2], [1, 3], [1, 3], [9]), torch.tensor([0, 0, 0, 0, 1]))
    parts = [torch.tensor([0, 1]), torch.tensor([2, 3]), torch.tensor([4])]
    synthetic = federated(data, parts, 0, (4, 1))
    assert synthetic.meta["supports"] == [[4], [1]]
    assert payload(synthetic) == payload(distill_mirage(data, MirageConfig(hops=0, thresholds=(4, 1))))


@pytest.mark.parametrize("per_class", [1, 2, 3])
def test_which_patterns_are_kept_does_not_depend_on_the_key(per_class):
    data = dataset(bags(*[[atom] for atom in range(1, 7)] * 2), torch.tensor([0, 0, 0, 0, 1, 1] * 2))
    sets = []
    for key in (b"", b"one", b"two"):
        clients = holders(data, [torch.arange(6), torch.arange(6, 12)], 0, key=key)
        synthetic = federated_mirage(local(clients), 2, (2, 2), "categorical", per_class=per_class)
        assert [len(supports) for supports in synthetic.meta["supports"]] == [per_class, min(2, per_class)]
        sets.append(payload(synthetic))
    assert sets[0] == sets[1] == sets[2]


def watched(clients):
    """A federation in this process, and all that was sent up."""
    sent = []
    exchange = local(clients)

    def keep(messages):
        replies = exchange(messages)
        sent.extend((int(m["step"]), a) for m, a in zip(messages, replies, strict=True))
        return replies

    return keep, sent


def test_trees_of_few_clients_are_dropped_before_supports_and_definitions():
    data = dataset(bags([1, 7], [1, 7], [1], [2], [2], [2]), torch.tensor([0, 0, 0, 1, 1, 1]))
    parts = [torch.tensor([0, 1, 3]), torch.tensor([2, 4, 5])]
    clients = holders(data, parts, 0)
    exchange, sent = watched(clients)
    synthetic = federated_mirage(exchange, 2, (2, 2), "categorical", min_clients=2)
    assert sorted(synthetic.forest.trees.x.view(-1).tolist()) == [1, 2]
    rare = clients[0].ids[(clients[0].forest.trees.x.view(-1) == 7).numpy()]
    steps = [step for step, reply in sent if (reply.get("ids", rare[:0]) == rare).all(axis=1).any()]
    assert steps == [1]
    assert not any(7 in reply.get("trees/x", np.zeros(0)) for _, reply in sent)
    assert synthetic.meta["supports"] == [[3], [3]]


def test_ids_below_a_clients_share_stay_at_home():
    data = dataset(bags([1, 5], [1], [1], [1], [2]), torch.tensor([0, 0, 0, 0, 1]))
    clients = holders(data, [torch.arange(5)], 0)
    exchange, sent = watched(clients)
    federated_mirage(exchange, 1, (2, 1), "categorical")
    assert [len(reply["ids"]) for step, reply in sent if step == 1] == [2]


def test_each_tree_is_defined_by_one_client_and_bytes_are_counted():
    data = dataset(bags([1, 3], [1, 3], [2], [2]), torch.tensor([0, 0, 1, 1]))
    clients = holders(data, [torch.tensor([0, 2]), torch.tensor([1, 3])], 0)
    exchange, sent = watched(clients)
    synthetic = federated_mirage(exchange, 2, (2, 2), "categorical")
    assert [len(reply["trees/x"]) for step, reply in sent if step == 5] == [3, 0]
    size = [sum(array.nbytes for array in reply.values()) for _, reply in sent]
    assert synthetic.meta["bytes_up"] == [sum(size[::2]), sum(size[1::2])]
    assert synthetic.meta["rounds"] == len(sent) / 2


def test_noise_follows_its_secret_and_vanishes_with_large_epsilon():
    data = dataset(bags(*[[1, 2]] * 20, *[[1]] * 20, *[[3]] * 30), torch.tensor([0] * 40 + [1] * 30))
    parts = iid(70, 2, torch.Generator().manual_seed(0))

    def blurred(epsilon, seed):
        noise = Noise.sample(epsilon, torch.Generator().manual_seed(seed))
        return federated(data, parts, 0, (8, 8), noise=noise)

    exact = federated(data, parts, 0, (8, 8))
    assert payload(blurred(1e4, 0)) == payload(exact)
    assert payload(blurred(2.0, 1)) == payload(blurred(2.0, 1)) != payload(exact)


def test_slack_joins_trees_that_few_graphs_miss():
    data = dataset(bags(*[[1, 2]] * 9, [1], [3]), torch.tensor([0] * 10 + [1]))
    clients = holders(data, [torch.arange(11)], 0)
    for slack, supports in ((0, [[10, 9], [1]]), (1, [[10], [1]])):
        synthetic = federated_mirage(local(clients), 1, (2, 1), "categorical", slack=slack)
        assert synthetic.meta["supports"] == supports


def test_a_client_without_a_class_takes_part():
    data = dataset(bags([1], [1], [2]), torch.tensor([0, 0, 1]))
    synthetic = federated(data, [torch.tensor([0, 1]), torch.tensor([2])], 0, (2, 1))
    assert synthetic.meta["supports"] == [[2], [1]]


def test_errors_name_what_is_wrong():
    data = dataset(bags([1], [2]), torch.tensor([0, 1]))
    clients = holders(data, [torch.arange(2)], 0)
    with pytest.raises(ValueError, match=r"--min-clients must be from 1 to the number of clients, 1, got 2"):
        federated_mirage(local(clients), 1, (1, 1), "categorical", min_clients=2)
    with pytest.raises(ValueError, match="client 0 sent 2 sizes where 3 were requested"):
        federated_mirage(local(clients), 1, (1, 1, 1), "categorical")
    with pytest.raises(ValueError, match="--thresholds takes one support of 1 or more"):
        federated_mirage(local(clients), 1, (0, 1), "categorical")
    with pytest.raises(ValueError, match="slack must be 0 or more, got -1"):
        federated_mirage(local(clients), 1, (1, 1), "categorical", slack=-1)
    with pytest.raises(ValueError, match="no client has a graph of class 1"):
        federated_mirage(local([MirageClient(data.graphs, data.y * 0, 0, 2)]), 1, (1, 1), "categorical")
    both = dataset(bags([1], [1, 2], [3]), torch.tensor([0, 0, 1]))
    with pytest.raises(ValueError, match="more than 1 closed sets in class 0"):
        federated_mirage(local(holders(both, [torch.arange(3)], 0)), 1, (1, 1), "categorical", max_itemsets=1)
    with pytest.raises(ValueError, match="0 of 1 clients replied to 'sizes'"):
        federated_mirage(lambda messages: [], 1, (1, 1), "categorical")

    def short(messages):
        replies = local(clients)(messages)
        return [
            {**a, "nodes": a["nodes"][:1]} if int(m["step"]) == 3 else a for a, m in zip(replies, messages, strict=1)
        ]

    with pytest.raises(ValueError, match="client 0 sent 1 nodes where 2 were requested"):
        federated_mirage(short, 1, (1, 1), "categorical")


@pytest.mark.bits
def test_the_same_federation_gives_the_same_bytes():
    data = dataset(bags([1, 2], [1], [3]), torch.tensor([0, 0, 1]))
    digests = {
        hashlib.sha256(repr(payload(federated(data, [torch.arange(3)], 0, (1, 1)))).encode()).hexdigest() for _ in "ab"
    }
    assert len(digests) == 1
