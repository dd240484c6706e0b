from __future__ import annotations

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from graphdistill.core.codec import chow_liu
from graphdistill.core.codec.chow_liu import chow_liu_tree, mutual_information


def rows(seed: int, num: int, width: int, num_values: int) -> torch.Tensor:
    return torch.randint(num_values, (num, width), generator=torch.Generator().manual_seed(seed))


@given(st.integers(0, 99), st.integers(1, 30), st.integers(1, 5), st.integers(1, 4))
def test_mutual_information_is_that_of_sklearn(seed, num, width, num_values):
    x = rows(seed, num, width, num_values)
    expected = [[mutual_info_score(x[:, i], x[:, j]) for j in range(width)] for i in range(width)]
    assert mutual_information(x, num_values).tolist() == [pytest.approx(row, abs=1e-5) for row in expected]


def test_many_variables_are_counted_in_parts_without_a_difference(monkeypatch):
    x = rows(0, 50, 9, 3)
    whole = mutual_information(x, 3)
    monkeypatch.setattr(chow_liu, "BLOCK", 200)
    assert torch.equal(mutual_information(x, 3), whole)


@given(st.integers(0, 99), st.integers(1, 12))
def test_the_tree_has_the_most_information_and_subtrees_are_ranges(seed, width):
    generator = torch.Generator().manual_seed(seed)
    information = torch.rand(width, width, generator=generator)
    information = information + information.T
    tree = chow_liu_tree(information)
    assert tree.variable.sort().values.tolist() == list(range(width))
    assert tree.parent[0] == -1
    total, graph = 0.0, nx.Graph()
    graph.add_weighted_edges_from((i, j, float(information[i, j])) for i in range(width) for j in range(i))
    for place, parent in enumerate(tree.parent.tolist()[1:], start=1):
        assert 0 <= parent < place
        # Depth first: the parent is the place before, or above it.
        above = place - 1
        while above != parent:
            above = int(tree.parent[above])
            assert above >= 0
        total += float(information[tree.variable[place], tree.variable[parent]])
    best = nx.maximum_spanning_tree(graph).size(weight="weight") if width > 1 else 0.0
    assert total == pytest.approx(best, rel=1e-5)
