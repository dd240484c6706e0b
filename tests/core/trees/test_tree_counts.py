import math
from collections import Counter

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from torch_geometric.data import Data

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.ridge import ALPHAS
from graphdistill.core.trees.tree_counts import TreeCountRegression
from tests.reference import canonical_tree


def toys(size, seed, labels=3, classes=2):
    """Small graphs with edge features; a class shows in how often each label occurs."""
    draw = torch.Generator().manual_seed(seed)
    graphs, y = [], []
    for number in range(size):
        n = int(torch.randint(3, 7, (), generator=draw))
        share = torch.ones(labels)
        share[number % classes] += 1
        half = torch.randint(n, (2, n), generator=draw)
        attr = torch.randint(2, (n, 1), generator=draw)
        x = torch.multinomial(share, n, replacement=True, generator=draw)[:, None]
        graphs.append(Data(x=x, edge_index=torch.cat([half, half.flip(0)], 1), edge_attr=torch.cat([attr, attr])))
        y.append(number % classes)
    return graphs, torch.tensor(y)


# A fourth label, which no training graph has, makes trees that are unseen next to trees that are known.
TRAIN, Y = toys(60, 0)
TEST, _ = toys(25, 1, labels=4)


def forest(graphs, depth=2):
    return build_forest(Graphs.from_data_list(graphs), depth)


def counts(graph, depth):
    """How often each tree of depths 0 to ``depth`` occurs in a graph."""
    return Counter((k, canonical_tree(graph, v, k, True)) for k in range(depth + 1) for v in range(len(graph.x)))


def features(train, graphs, depth, min_graphs):
    """Log counts of the trees that enough training graphs have, as a dense matrix."""
    having = Counter(tree for graph in train for tree in counts(graph, depth))
    kept = sorted(tree for tree, number in having.items() if number >= min_graphs)
    found = [counts(graph, depth) for graph in graphs]
    return np.log1p(np.array([[here[tree] for tree in kept] for here in found], dtype=float))


def decision(y, balanced=False, depth=2, min_graphs=5, strength=0.1, rows=slice(None)):
    """What scikit-learn decides on the test graphs with features that were counted one by one."""
    x = features(TRAIN, TRAIN, depth, min_graphs)
    model = LogisticRegression(C=strength, class_weight="balanced" if balanced else None, solver="liblinear")
    model.fit(x[rows], y[rows])
    return model.decision_function(features(TRAIN, TEST, depth, min_graphs))


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("metric", ["rocauc", "accuracy"])
@pytest.mark.parametrize("min_graphs", [1, 5])
def test_two_classes_are_those_of_sklearn_on_counted_trees(depth, metric, min_graphs):
    skewed = (torch.arange(60) % 3 == 0).long()
    model = TreeCountRegression(depth, 0.3, min_graphs).fit(forest(TRAIN), skewed, metric)
    logits = model.logits(forest(TEST))
    want = decision(skewed.numpy(), metric == "rocauc", depth, min_graphs, 0.3)
    assert logits.dtype == torch.float32
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], want, atol=1e-4)
    assert torch.equal(logits[:, 0], -logits[:, 1])


def test_of_more_classes_the_likeliest_against_the_rest_wins():
    y = torch.arange(60) % 3
    logits = TreeCountRegression().fit(forest(TRAIN), y, "accuracy").logits(forest(TEST))
    want = np.stack([decision((y == c).numpy()) for c in range(3)], axis=1)
    np.testing.assert_allclose(logits, want, atol=1e-4)
    assert logits.argmax(dim=1).tolist() == want.argmax(axis=1).tolist()
    assert len(set(logits.argmax(dim=1).tolist())) == 3


def test_each_task_is_learnt_from_the_graphs_that_are_labelled():
    y = torch.stack([Y.float(), 1 - Y.float(), torch.zeros(60), torch.ones(60)], dim=1)
    y[::4, 0] = torch.nan
    y[::3, 2:] = torch.nan
    logits = TreeCountRegression().fit(forest(TRAIN), y, "rocauc").logits(forest(TEST))
    known = np.arange(60) % 4 != 0
    np.testing.assert_allclose(logits[:, 0], decision(Y.numpy(), balanced=True, rows=known), atol=1e-4)
    np.testing.assert_allclose(logits[:, 1], decision(1 - Y.numpy(), balanced=True), atol=1e-4)
    # A task with labels of one kind gives that label everywhere.
    assert logits[:, 2].tolist() == [-2.0] * 25
    assert logits[:, 3].tolist() == [2.0] * 25


def test_trees_that_training_lacked_count_nothing():
    model = TreeCountRegression(min_graphs=1).fit(forest(TRAIN), Y, "accuracy")
    strange = Data(x=torch.tensor([[9], [9]]), edge_index=torch.tensor([[0], [1]]), edge_attr=torch.tensor([[0]]))
    (alone,) = model.logits(forest([strange])).tolist()
    graph = TRAIN[0]
    apart = Data(
        x=torch.cat([graph.x, strange.x]),
        edge_index=torch.cat([graph.edge_index, strange.edge_index + len(graph.x)], dim=1),
        edge_attr=torch.cat([graph.edge_attr, strange.edge_attr]),
    )
    with_it, without = model.logits(forest([apart, graph]))
    assert torch.equal(with_it, without)
    # What is left is the intercept.
    (nothing,) = model._coefficients[-1]
    assert alone == pytest.approx([-nothing / 2, nothing / 2])
    assert with_it.tolist() != pytest.approx(alone)


@pytest.mark.parametrize(("min_graphs", "known"), [(3, True), (4, False)])
def test_trees_in_too_few_graphs_are_left_out(min_graphs, known):
    labels = (6, 8, 6, 8, 6, 8, 7, 1, 1, 1, 1)
    dots = [Data(x=torch.tensor([[a]]), edge_index=torch.empty(2, 0).long()) for a in labels]
    # In one graph twice is once.
    dots[0] = Data(x=torch.tensor([[6], [6]]), edge_index=torch.empty(2, 0).long())
    y = torch.tensor([0, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1])
    logits = TreeCountRegression(min_graphs=min_graphs).fit(forest(dots), y, "accuracy").logits(forest(dots))
    share = (logits[:, 1] - logits[:, 0]).tolist()
    assert (share[2] < share[6] < share[1]) == known
    assert math.isclose(share[2], share[1]) != known


def test_a_tree_in_less_than_one_of_two_thousand_graphs_is_left_out():
    graphs = [Data(x=torch.tensor([[i % 2]]), edge_index=torch.empty(2, 0).long()) for i in range(4000)]
    graphs[0] = Data(x=torch.tensor([[7]]), edge_index=torch.empty(2, 0).long())
    y = torch.arange(4000) % 2
    for size, known in ((3999, True), (4000, False)):
        model = TreeCountRegression(depth=0, min_graphs=1).fit(forest(graphs[:size]), y[:size], "accuracy")
        assert model._coefficients.shape == (2 + known + 1, 1)


def test_equal_input_gives_equal_logits_in_any_order_of_nodes():
    first, second = (
        TreeCountRegression().fit(forest(TRAIN), Y, "rocauc").logits(forest(TEST)).tolist() for _ in range(2)
    )
    assert first == second
    model = TreeCountRegression().fit(forest(TRAIN).by_frequency(), Y, "rocauc")
    np.testing.assert_allclose(model.logits(forest(TEST).by_frequency()), first, atol=1e-5)


def test_trees_deeper_than_the_forest_are_not_used():
    model = TreeCountRegression(depth=5).fit(forest(TRAIN, 1), Y, "accuracy")
    shallow = TreeCountRegression(depth=1).fit(forest(TRAIN, 2), Y, "accuracy")
    torch.testing.assert_close(model.logits(forest(TEST, 1)), shallow.logits(forest(TEST, 3)))


def test_targets_are_predicted_by_ridge_on_the_counts_themselves():
    y = torch.stack([Y + 0.1 * torch.arange(len(Y)), 7.0 - Y], dim=1)
    y[::9, 1] = torch.nan
    found = TreeCountRegression().fit(forest(TRAIN), y, "rmse").logits(forest(TEST))
    middle = ALPHAS[len(ALPHAS) // 2]
    x, there = (np.expm1(features(TRAIN, graphs, 2, 5)) for graphs in (TRAIN, TEST))
    for column, target in enumerate(y.double().numpy().T):
        known = ~np.isnan(target)
        theirs = Ridge(alpha=middle, solver="cholesky").fit(x[known], target[known]).predict(there)
        np.testing.assert_allclose(found[:, column], theirs, atol=1e-4)
