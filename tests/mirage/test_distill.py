import hashlib
import json
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.evaluation.trees import TreeProtocol
from graphdistill.core.randomness import generator
from graphdistill.core.sets.storage import load_set, save_set
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.metrics import per_sample_loss
from graphdistill.core.trees.build import merge
from graphdistill.core.trees.graph_forest import GraphForest
from graphdistill.core.trees.training_split import TrainingSplit
from graphdistill.datasets import load, load_graphs
from graphdistill.mirage import MirageConfig, distill_mirage

ROOT = os.environ.get("GRAPHDISTILL_DATA", "../shared/data")


@pytest.fixture(scope="module")
def molbace():
    if not Path(ROOT, "ogb", "ogbg_molbace").is_dir():
        pytest.skip(f"ogbg-molbace is not under {ROOT}")
    return load_graphs("ogbg-molbace", ROOT)


def digest(small):
    return hashlib.sha256(b"".join(t.numpy().tobytes() for _, t in sorted(small.payload().items()))).hexdigest()


def toy(num_classes=3, seed=0, edges=True, size=90):
    """Random graphs whose class shows in their features."""
    draw = torch.Generator().manual_seed(seed)
    graphs = []
    for number in range(size):
        label, n = number % num_classes, int(torch.randint(4, 9, (), generator=draw))
        pairs = torch.randint(0, n, (2, n), generator=draw)
        x = (torch.rand(n, 1, generator=draw) < 0.6).long() * (label + 1)
        attr = torch.randint(0, 2, (n, 1), generator=draw) if edges else None
        both = torch.cat([pairs, pairs.flip(0)], dim=1)
        both_attr = None if attr is None else torch.cat([attr, attr])
        graphs.append(Data(x=x, edge_index=both, edge_attr=both_attr, y=torch.tensor([label])))
    return load(graphs)


@pytest.fixture(scope="module")
def split(molbace):
    return TrainingSplit(molbace, 2)


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.6])
def test_fractions_are_of_the_coded_bytes_of_all_the_data(molbace, split, fraction):
    assert split.whole.nbytes < 4.5 * len(molbace.train)
    small = distill_mirage(molbace, MirageConfig(fraction=fraction), split=split)
    budget = int(fraction * split.whole.nbytes)
    assert 0.9 * budget < small.nbytes <= budget == small.meta["budget"]
    assert small.nbytes == len(small.payload()["graphs"]) + 1
    assert small.y.shape == (len(small), 2)
    assert small.meta["graphs"] == len(small)


def test_the_graphs_are_real_and_carry_the_labels_of_the_regression(molbace, split):
    small = distill_mirage(molbace, MirageConfig(bytes=900, label_bits=8), split=split)
    whole = {name: k for k, name in enumerate(signatures(split.forest))}
    found = torch.tensor([whole[name] for name in signatures(small.forest)])
    assert (small.y - split.soft[found]).abs().max() < 0.01
    torch.testing.assert_close(small.y.sum(dim=1), torch.ones(len(small)))


def signatures(forest):
    """A name for each graph: the ids of its trees and their counts, in sorted order."""
    ids = [tuple(row) for row in forest.trees.ids()[-1].tolist()]
    pairs = [(ids[tree], count) for tree, count in zip(forest.tree.tolist(), forest.count.tolist(), strict=True)]
    return [tuple(sorted(pairs[a:b])) for a, b in pairwise(forest.ptr.tolist())]


@pytest.mark.bits
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(molbace):
    config = MirageConfig(bytes=600)
    one, two = (distill_mirage(molbace, config, generator=generator(3, "mirage")) for _ in range(2))
    other = distill_mirage(molbace, config, generator=generator(4, "mirage"))
    assert digest(one) == digest(two) != digest(other)


def test_saved_sets_come_back_bit_for_bit(molbace, tmp_path):
    small = distill_mirage(molbace, MirageConfig(bytes=600))
    save_set(small, tmp_path)
    again = load_set(tmp_path)
    assert digest(again) == digest(small)
    assert torch.equal(again.y, small.y)
    assert torch.equal(again.weight, small.weight)
    assert again.meta == json.loads(json.dumps(small.meta))
    assert (again.task, again.features) == (small.task, small.features)


def test_lossless_trains_as_the_full_graphs_do(molbace):
    from graphdistill.core.trees.build import uncompressed_forest

    small = distill_mirage(molbace, MirageConfig(lossless=True))
    graphs, labels = molbace.split("train")
    protocol = TreeProtocol(molbace, depth=2)
    gradients = []
    for forest, y in ((small.forest, small.y), (uncompressed_forest(graphs, 2), labels)):
        model = protocol.network("GIN", 0).double()
        per_sample_loss(model(forest), y, "multiclass").mean().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    assert torch.allclose(*gradients, rtol=0, atol=1e-9)
    assert torch.equal(small.y.sort().values, labels.sort().values)


def test_distilling_halves_and_merging_equals_distilling_the_whole(molbace):
    half = len(molbace.train) // 2
    parts = []
    for index in (torch.arange(half), torch.arange(half, len(molbace.train))):
        rows = molbace.train[index]
        part = molbace.with_splits(rows, molbace.valid, molbace.test)
        parts.append(distill_mirage(part, MirageConfig(lossless=True)))
    whole = distill_mirage(molbace, MirageConfig(lossless=True))
    joined = merge([part.forest for part in parts])
    assert all(torch.equal(*ids) for ids in zip(joined.trees.ids(), whole.forest.trees.ids(), strict=True))
    assert sorted(signatures(joined)) == sorted(signatures(whole.forest))
    assert sum(part.nbytes for part in parts) > whole.nbytes


def test_thresholds_give_weighted_patterns_with_supports(molbace):
    small = distill_mirage(molbace, MirageConfig(hops=3, thresholds=(100, 100)))
    supports = small.meta["supports"]
    assert min(min(s) for s in supports) >= 100
    assert len(small) == sum(map(len, supports))
    for label in (0, 1):
        assert float(small.weight[small.y == label].sum()) == pytest.approx(1)


def test_any_number_of_classes_and_kinds_of_features():
    for data in (toy(3), toy(5, edges=False)):
        small = distill_mirage(data, MirageConfig(bytes=200))
        assert small.nbytes <= 200
        assert small.y.shape[1] == data.num_outputs
        assert set(small.y.argmax(dim=1).tolist()) <= set(range(data.num_outputs))


def test_float_features_and_many_tasks_with_missing_labels():
    draw = torch.Generator().manual_seed(0)
    pair = torch.tensor([[0, 1, 1], [1, 0, 1]])
    graphs = [Data(x=torch.randint(0, 3, (2, 2), generator=draw).float() / 2, edge_index=pair) for _ in range(40)]
    collated = Graphs.from_data_list(graphs)
    y = torch.stack([collated.x[::2, 0] > 0.4, collated.x[1::2, 1] > 0.4, collated.x[::2, 0] < 9], dim=1).float()
    y[::4, 1] = torch.nan
    index = torch.arange(40)
    data = GraphDataset("tasks", collated, y, index[:30], index[30:35], index[35:], "rocauc", "continuous")
    small = distill_mirage(data, MirageConfig(bytes=260, hops=1))
    assert small.task == "multilabel"
    assert small.nbytes <= 260
    assert float(small.y.min()) >= 0
    assert float(small.y.max()) <= 1
    with pytest.raises(ValueError, match="--thresholds need one label per graph, but tasks has many tasks"):
        distill_mirage(data, MirageConfig(thresholds=(1, 1)))


def test_the_card_tells_what_it_was_made_of_whatever_the_numbering(molbace):
    from torch_geometric.data import Data as Graph

    config = MirageConfig(lossless=True)
    facts = distill_mirage(molbace, config, generator=generator(1, "mirage")).meta
    assert facts["seed"] == generator(1, "mirage").initial_seed()
    assert facts["config"]["lossless"] is True
    graphs = [molbace.graphs[i] for i in molbace.train.tolist()]
    turned = [
        Graph(x=g.x.flip(0), edge_index=g.num_nodes - 1 - g.edge_index.flip(1), edge_attr=g.edge_attr.flip(0))
        for g in graphs
    ]
    index = torch.arange(len(turned))
    y = molbace.y[molbace.train]
    again = GraphDataset("turned", Graphs.from_data_list(turned), y, index, index[:1], index[:1], "rocauc", "ogb")
    assert distill_mirage(again, config).meta["source_sha256"] == facts["source_sha256"]


def test_entries_are_graphs_that_pyg_batches(molbace):
    small = distill_mirage(molbace, MirageConfig(bytes=600))
    batch = next(iter(DataLoader(small, batch_size=8)))
    assert batch.num_graphs == 8
    assert batch.y.shape == (8, 2)
    assert torch.equal(
        torch.zeros(8, dtype=torch.long).index_add_(0, batch.batch, batch.count), small.forest.num_nodes[:8]
    )


def test_only_the_training_split_is_read(molbace):
    graphs = molbace.graphs
    held_out = torch.cat([molbace.valid, molbace.test])
    nodes = torch.isin(graphs.graph_of_node, held_out)
    x = graphs.x.clone()
    x[nodes] = 0
    y = molbace.y.clone()
    y[held_out] = 1 - y[held_out]
    other = GraphDataset(
        molbace.name,
        Graphs(x, graphs.edge_index, graphs.edge_attr, graphs.node_ptr, graphs.edge_ptr),
        y,
        molbace.train,
        molbace.valid,
        molbace.test,
        molbace.metric,
        molbace.features,
    )
    config = MirageConfig(bytes=600)
    assert digest(distill_mirage(molbace, config)) == digest(distill_mirage(other, config))


def test_errors():
    data = toy(2, size=40)
    with pytest.raises(ValueError, match="the budget of 3 bytes is below one graph of each class, 2 graphs of"):
        distill_mirage(data, MirageConfig(bytes=3))
    with pytest.raises(ValueError, match="but the data have 2 classes"):
        distill_mirage(data, MirageConfig(thresholds=(1, 1, 1)))
    lopsided = data.with_splits((data.y == 1).nonzero().view(-1), data.valid, data.test)
    with pytest.raises(ValueError, match="has no graph of class 0; add graphs of that class"):
        distill_mirage(lopsided)
    empty = data.with_splits(data.train[:0], data.valid, data.test)
    with pytest.raises(ValueError, match=r"the training split of .* is empty"):
        distill_mirage(empty)


def test_soft_labels_agree_with_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    data = toy(2, edges=False, size=200)
    small = distill_mirage(data, MirageConfig(bytes=600, hops=0, label_bits=8))
    graphs, y = data.split("train")
    counts = np.zeros((len(graphs), 0))
    degree = graphs.in_degree
    kinds = {}
    for value in zip(graphs.x[:, 0].tolist(), degree.tolist(), strict=True):
        kinds.setdefault(value, len(kinds))
    counts = np.zeros((len(graphs), len(kinds)))
    for node, graph in enumerate(graphs.graph_of_node.tolist()):
        counts[graph, kinds[int(graphs.x[node, 0]), int(degree[node])]] += 1
    counts = np.log1p(counts[:, (counts > 0).sum(axis=0) >= 5])
    model = LogisticRegression(C=0.1, solver="liblinear").fit(counts, y)
    expected = model.predict_proba(counts)[:, 0]
    assert all(np.abs(expected - found).min() <= 0.004 for found in small.y[:, 0].tolist())


def unlike(size=60):
    """Graphs whose node features hardly ever repeat."""
    draw = torch.Generator().manual_seed(0)
    pairs = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    graphs = [
        Data(x=torch.randint(0, 200, (3, 2), generator=draw), edge_index=pairs, y=torch.tensor([i % 2]))
        for i in range(size)
    ]
    return load(graphs)


def test_trees_that_hardly_repeat_take_no_more_bytes_than_their_graphs():
    data = unlike()
    lossless = distill_mirage(data, MirageConfig(lossless=True))
    assert isinstance(lossless.forest, GraphForest)
    assert lossless.nbytes < 48 * (3 * 2 + 2)
    small = distill_mirage(data, MirageConfig(bytes=lossless.nbytes // 3))
    again = SyntheticSet.from_payload(small.payload(), task=small.task, features=small.features, meta=small.meta)
    assert digest(again) == digest(small)
    assert torch.equal(again.forest.count, small.forest.count)


def test_a_split_of_other_trees_is_refused(molbace):
    with pytest.raises(ValueError, match="with trees of depth 3, not of this ogbg-molbace with 2; make it by"):
        distill_mirage(molbace, MirageConfig(bytes=900), split=TrainingSplit(molbace, 3))


def test_a_split_that_is_handed_on_gives_the_same_set(molbace):
    split = TrainingSplit(molbace, 2)
    for config in (MirageConfig(bytes=500), MirageConfig(bytes=900), MirageConfig(lossless=True)):
        ours, alone = distill_mirage(molbace, config, split=split), distill_mirage(molbace, config)
        assert ours.nbytes == alone.nbytes
        assert torch.equal(ours.forest.tree, alone.forest.tree)
        assert torch.equal(ours.y, alone.y)
        assert ours.meta["source_sha256"] == alone.meta["source_sha256"]
