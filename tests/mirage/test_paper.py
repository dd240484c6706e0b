import itertools
import os

import pytest
import torch

from graphdistill.core.evaluation.trees import TreeProtocol
from graphdistill.core.trees.build import build_forest
from graphdistill.datasets import load_graphs
from graphdistill.mirage.mining import closed_itemsets
from graphdistill.mirage.paper import (
    HOPS,
    THRESHOLDS,
    PaperConfig,
    frequent_itemsets,
    paper_patterns,
    paper_rows,
    paper_set,
)
from tests.fed.samples import toy
from tests.second_device import second_device

ROOT = os.environ.get("GRAPHDISTILL_DATA", "../shared/data")


@pytest.fixture
def molecules():
    def load(name):
        if not os.path.isdir(os.path.join(ROOT, "ogb", name.replace("-", "_"))):  # noqa: PTH112, PTH118
            pytest.skip(f"{name} is not under {ROOT}")
        return load_graphs(name, ROOT)

    return load


def test_frequent_sets_from_closed_ones_by_brute_force():
    transactions = [{1, 2, 3}, {1, 2}, {2, 3}, {4}, {1, 2, 3, 4}]
    ptr = torch.tensor([0, *itertools.accumulate(len(t) for t in transactions)])
    items = torch.tensor([i for t in transactions for i in sorted(t)])
    found = {s.items: s.support for s in frequent_itemsets(closed_itemsets(ptr, items, 2))}
    expected = {}
    for size in range(1, 5):
        for subset in itertools.combinations(range(1, 5), size):
            support = sum(set(subset) <= t for t in transactions)
            if support >= 2:
                expected[subset] = support
    assert found == expected


def test_the_published_patterns_of_molhiv(molecules):
    data = molecules("ogbg-molhiv")
    graphs, y = data.split("train")
    patterns = paper_patterns(build_forest(graphs, HOPS), y, THRESHOLDS["ogbg-molhiv"])
    assert [p.support for p in patterns if p.label == 0] == [7502, 2413, 2208, 1955]
    assert [p.support for p in patterns if p.label == 1] == [211, 118, 118, 118, 116]


def test_published_rows_on_molbace(molecules):
    protocol = TreeProtocol(molecules("ogbg-molbace"), depth=HOPS, networks=("GIN",))
    patterns = paper_patterns(protocol.forests["train"], protocol.labels("train"), THRESHOLDS["ogbg-molbace"])
    small = paper_set(protocol.forests["train"], patterns, protocol)
    assert int(small.forest.count.max()) == 1
    reported, last, untrained = paper_rows(protocol, small, PaperConfig(epochs=5))
    assert len(reported.test) == 5
    assert len(last.test) == 10
    assert len(untrained.test) == 1
    assert min(reported.valid) >= sorted(last.valid)[-5]


def test_too_many_subsets_are_refused():
    with pytest.raises(ValueError, match="too many subsets"):
        frequent_itemsets(closed_itemsets(torch.tensor([0, 20]), torch.arange(20), 1), most=1000)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"restarts": 0}, "restarts must be 1 or more, got 0"),
        ({"kept": 0}, "kept must be 1 or more, got 0"),
        ({"epochs": -1}, "epochs must be 1 or more, got -1"),
        ({"kept": 11}, "kept must be at most the 10 restarts, got 11"),
        ({"lr": 0.0}, "lr must be above 0, got 0.0"),
    ],
)
def test_numbers_that_cannot_be(words, message):
    with pytest.raises(ValueError, match=message):
        PaperConfig(**words)


def test_rows_name_the_restarts_and_epochs_that_are_configured():
    protocol = TreeProtocol(toy(), depth=HOPS, networks=("GIN",))
    forest = protocol.forests["train"]
    synthetic = paper_set(forest, paper_patterns(forest, protocol.labels("train"), (8, 8)), protocol)
    config = PaperConfig(restarts=3, kept=2, epochs=4)
    reported, last, untrained = paper_rows(protocol, synthetic, config)
    assert reported.name == "paper: top 2 of 3 restarts, best epoch"
    assert (len(reported.test), len(last.test), len(untrained.test)) == (2, 3, 1)
    # A naive loop gives the same scores.
    naive = []
    for seed in range(3):
        model = protocol.network("GIN", seed)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        scores = [(protocol.score(model, "valid"), protocol.score(model, "test"))]
        for _ in range(4):
            model.train()
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(synthetic.forest), synthetic.y).backward()
            optimizer.step()
            scores.append((protocol.score(model, "valid"), protocol.score(model, "test")))
        naive.append(scores)
    assert last.test == pytest.approx([scores[-1][1] for scores in naive])
    assert untrained.valid == (max(scores[0][0] for scores in naive),)
    best = sorted((max(scores, key=lambda pair: pair[0]) for scores in naive), reverse=True)[:2]
    assert reported.valid == pytest.approx([valid for valid, _ in best])


def test_the_published_training_is_the_same_on_a_second_device():
    def rows(device):
        protocol = TreeProtocol(toy(), depth=HOPS, networks=("GIN",), device=device)
        forest = protocol.forests["train"]
        synthetic = paper_set(forest, paper_patterns(forest, protocol.labels("train"), (8, 8)), protocol)
        return [
            (row.test, row.valid) for row in paper_rows(protocol, synthetic, PaperConfig(restarts=2, kept=1, epochs=3))
        ]

    with second_device() as device:
        there = rows(device)
    assert there == rows("cpu")
