from dataclasses import replace

import pytest
import torch
from sklearn.metrics import roc_auc_score

from fed.config import FedConfig
from fed.data import molecules
from fed.data.client_data import UNKNOWN, kind_of, network
from fed.data.partition import scaffolds_of
from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.networks.tree_gnn import GNN
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.metrics import score
from graphdistill.mirage import MirageConfig, distill_mirage
from tests.fed.data.test_partition import each_once
from tests.fed.samples import toy


def parts(monkeypatch, data=None, **options):
    monkeypatch.setattr(molecules, "load", lambda *a, **k: data or toy())
    return molecules.parts(FedConfig(**{"dataset": "pains", "clients": 3, "partition": "iid", **options}))


@pytest.mark.parametrize("partition", ["iid", "dirichlet", "scaffold"])
def test_every_split_is_divided_the_same_way(partition, monkeypatch):
    held = parts(monkeypatch, partition=partition, dirichlet_alpha=5.0)
    whole = toy()
    for split in ("train", "valid", "test"):
        index = getattr(whole, split)
        mine = [getattr(part.data, split) for part in held]
        assert each_once([rows - index[0] for rows in mine], len(index))
        if partition == "scaffold":
            names = [set(scaffolds_of(whole, rows)) for rows in mine]
            assert sum(map(len, names)) == len(set().union(*names))
    for part in held:
        assert torch.equal(part.train[1], whole.y[part.data.train])
        assert part.train[0].num_nodes.tolist() == part.data.split("train")[0].node_ptr.diff().tolist()


def test_facts_make_a_network_and_digests_differ_by_client(monkeypatch):
    held, again = parts(monkeypatch), parts(monkeypatch)
    assert held[0].facts == held[1].facts == {"layers": 2, "classes": 2}
    assert kind_of(held[0].facts) == "molecules"
    net = network(held[0].facts, 0)
    assert isinstance(net, GNN)
    assert net(held[0].train[0]).shape == (len(held[0].train[1]), 2)
    assert [p.digest for p in held] == [p.digest for p in again]
    assert len({p.digest for p in held}) == 3


def test_scores_need_both_classes(monkeypatch):
    part = parts(monkeypatch)[0]
    x, y, weight = part.valid
    net = network(part.facts, 0)
    assert part.score(net, "valid") == score(net(x), y, "rocauc")
    assert part.trivial("valid") == pytest.approx(roc_auc_score(y, x.num_nodes))
    alone = replace(part, valid=(x, torch.zeros_like(y), weight))
    assert alone.score(net, "valid") == alone.trivial("valid") == UNKNOWN


def test_virtual_molecules_are_what_mirage_mines(monkeypatch):
    part = parts(monkeypatch, clients=1)[0]
    x, y, weight = part.mined(0.15, 10**6)
    thresholds = tuple(-(-3 * n // 20) for n in torch.bincount(part.train[1]).tolist())
    expected = distill_mirage(part.data, MirageConfig(hops=2, thresholds=thresholds))
    found = SyntheticSet(x.by_frequency(), y, weight)
    assert {n: v.tolist() for n, v in found.payload().items()} == {n: v.tolist() for n, v in expected.payload().items()}


def test_those_with_most_support_are_kept(monkeypatch):
    part = parts(monkeypatch, clients=1)[0]
    whole, few = part.mined(0.15, 10**6), part.mined(0.15, 2)
    assert torch.bincount(few[1]).tolist() == [2, 2]
    for label in (0, 1):
        most = whole[2][whole[1] == label].sort(descending=True).values[:2]
        torch.testing.assert_close(few[2][few[1] == label], most / most.sum())


def test_a_class_that_is_missing_or_alone_can_be_mined(monkeypatch):
    part = parts(monkeypatch, clients=1)[0]
    x, y, weight = part.train
    first = (y == 1).nonzero().view(-1)[:4]
    for rows, labels in ((first, {1}), (torch.cat([first, torch.tensor([0])]), {0, 1})):
        own = replace(part, train=(x.subset(rows), y[rows], weight[rows]))
        assert set(own.mined(0.1, 5)[1].tolist()) == labels


def test_what_is_kept_comes_back(monkeypatch):
    part = parts(monkeypatch)[0]
    entries = part.entries(part.tensors(part.mined(0.15, 5)))
    back = part.entries(part.tensors(entries))
    assert torch.equal(back[1], entries[1])
    assert torch.equal(back[2], entries[2])
    net = network(part.facts, 0)
    torch.testing.assert_close(net(back[0]), net(entries[0]))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"partition": "domain"}, "--partition domain is for images; give molecules --partition scaffold"),
        ({"clients": 11}, "--clients 11 are more than the 10 graphs of a split; give fewer"),
        ({"clients": 10}, "no client's valid molecules would be of both classes, which ROC-AUC needs; give fewer"),
    ],
)
def test_clients_that_cannot_be_are_refused(options, error, monkeypatch):
    with pytest.raises(ValueError, match=error):
        parts(monkeypatch, **options)


def test_other_data_are_refused(monkeypatch):
    data = toy()
    with pytest.raises(ValueError, match="--dataset pains: no molecules with OGB's features; choose ogbg-molbace"):
        parts(monkeypatch, replace(data, features="categorical"))
    with pytest.raises(ValueError, match="--dataset pains: no molecules with OGB's features"):
        parts(monkeypatch, ImageDataset("digits", torch.rand(1, 1, 8, 8), data.y[:1], *[data.train[:1]] * 3))
    with pytest.raises(ValueError, match="--dataset toy has 3 tasks; choose one with a single binary task"):
        parts(monkeypatch, replace(data, y=torch.zeros(len(data.y), 3)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("pains", True), ("ogbg-molbace", True), ("own.csv.gz", True), ("own.sdf", True), ("digits/mnist", False)],
)
def test_names_of_molecules(name, expected):
    assert molecules.are_molecules(name) == expected


def test_a_client_builds_its_own_trees_alone(monkeypatch):
    built = []
    build_forest = molecules.build_forest
    monkeypatch.setattr(
        molecules, "build_forest", lambda graphs, hops: built.append(len(graphs)) or build_forest(graphs, hops)
    )
    monkeypatch.setattr(molecules, "load", lambda *a, **k: toy())
    held = molecules.parts(FedConfig(dataset="pains", clients=3, partition="iid"))
    assert built == []
    assert held[2] is held[2]
    assert built == [13, 3, 3]
