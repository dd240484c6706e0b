import itertools

import pytest
import torch
from torch_geometric.data import Data

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.trees.build import build_forest
from graphdistill.mirage.patterns import Pattern, mine_patterns, pattern_forest


def bags(*groups):
    """Graphs of isolated atoms: at depth 0 a graph is the bag of its atoms."""
    empty = torch.empty(2, 0, dtype=torch.long)
    graphs = [Data(x=torch.tensor(atoms)[:, None], edge_index=empty) for atoms in groups]
    return build_forest(Graphs.from_data_list(graphs), 0)


def atoms_of(forest, pattern):
    return {int(forest.trees.x[t, 0]) for t in pattern.trees}


def test_patterns_are_the_closed_sets_by_brute_force():
    forest = bags([1, 2], [1, 2, 3], [1], [4], [4, 5])
    y = torch.tensor([0, 0, 0, 1, 1])
    found = {(p.label, frozenset(atoms_of(forest, p)), p.support) for p in mine_patterns(forest, y, (2, 1))}
    groups = {0: [{1, 2}, {1, 2, 3}, {1}], 1: [{4}, {4, 5}]}
    expected = set()
    for label, least in ((0, 2), (1, 1)):
        universe = set().union(*groups[label])
        for size in range(1, len(universe) + 1):
            for items in itertools.combinations(sorted(universe), size):
                holders = [g for g in groups[label] if set(items) <= g]
                if len(holders) >= least and set.intersection(*holders) == set(items):
                    expected.add((label, frozenset(items), len(holders)))
    assert found == expected


def test_a_pattern_of_several_classes_goes_to_the_larger_share_once():
    forest = bags([1], [1], [2], [1], [1], [1])
    y = torch.tensor([0, 0, 0, 1, 1, 1])
    patterns = mine_patterns(forest, y, (1, 1))
    assert [(p.label, atoms_of(forest, p), p.support) for p in patterns] == [(0, {2}, 1), (1, {1}, 3)]


def test_pattern_graphs_have_real_size_and_proportions():
    forest = bags([1, 1, 2, 9], [1, 1, 2, 8], [7, 7])
    y = torch.tensor([0, 0, 1])
    pattern = next(p for p in mine_patterns(forest, y, (2, 1)) if p.label == 0)
    small, label, weight = pattern_forest(forest, y, [pattern, Pattern(1, (pattern.trees[0],), 1)][:1])
    assert small.num_nodes.tolist() == [4]
    counts = {int(small.trees.x[t, 0]): int(c) for t, c in zip(small.tree, small.count, strict=True)}
    assert counts == {1: 3, 2: 1}
    assert label.tolist() == [0]
    assert weight.tolist() == [1.0]


def test_weights_are_supports_normalised_within_a_class():
    forest = bags([1, 2], [1], [1], [5])
    y = torch.tensor([0, 0, 0, 1])
    patterns = mine_patterns(forest, y, (1, 1))
    _, label, weight = pattern_forest(forest, y, patterns)
    assert {p.support for p in patterns if p.label == 0} == {3, 1}
    assert sorted(weight[label == 0].tolist()) == [0.25, 0.75]
    assert weight[label == 1].tolist() == [1.0]


def test_errors_name_the_class_and_the_way_out():
    forest = bags([1], [1], [2])
    y = torch.tensor([0, 0, 1])
    with pytest.raises(ValueError, match=r"--thresholds has 1 values \(2,\) but the data have 2 classes"):
        mine_patterns(forest, y, (2,))
    with pytest.raises(ValueError, match=r"no tree of class 1 reaches support 5; its most frequent tree has support 1"):
        mine_patterns(forest, y, (1, 5))
