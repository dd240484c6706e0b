from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from graphdistill.core.evaluation.graphs import GraphSetProtocol
from graphdistill.core.evaluation.protocol import valid_score
from graphdistill.core.evaluation.rows import baseline_rows
from graphdistill.core.sets.storage import load_set, save_set
from graphdistill.core.trees.graph_forest import GraphForest
from tests.condense.graph_samples import QUICK, chains, protocol
from tests.core.evaluation.samples import row_of

HERE = protocol()


def test_edge_features_are_left_out_and_a_note_says_so() -> None:
    assert chains().graphs.edge_attr is not None
    assert HERE.data.graphs.edge_attr is None
    assert HERE.data.notes == "chains; edge features are left out in all rows, since learnt graphs have none"
    assert GraphSetProtocol(HERE.data).data.notes.count("edge features") == 1
    assert all(convolution.edge_encoder is None for convolution in HERE.network("GCN", 0).convs)


def test_many_labels_are_refused() -> None:
    data = chains()
    many = replace(data, y=torch.nn.functional.one_hot(data.y).float(), name="many")
    with pytest.raises(ValueError, match="many has 2 labels for each graph, but sets are distilled class by class"):
        GraphSetProtocol(many)


def test_random_sets_fill_the_budget_and_no_more() -> None:
    budget = 45
    for draw, small in enumerate(HERE.random_sets(budget, 3)):
        assert small.nbytes <= budget
        # Bytes nearly grow with the number of graphs; two more never fit.
        more = HERE.chosen(HERE.random_order(draw)[: len(small) + 2])
        assert more.nbytes > budget
        assert int(torch.bincount(small.y).diff().abs().max()) <= 1


def test_random_sets_have_one_graph_of_each_class_and_at_most_all() -> None:
    assert [torch.bincount(s.y).tolist() for s in HERE.random_sets(1, 2)] == [[1, 1], [1, 1]]
    assert [len(s) for s in HERE.random_sets(10**6, 1)] == [16]


def test_draws_differ_and_stay() -> None:
    first, second = HERE.random_sets(50, 2)
    again = HERE.random_sets(50, 2)[1]
    assert torch.equal(second.payload()["graphs"], again.payload()["graphs"])
    assert not torch.equal(first.payload()["graphs"], second.payload()["graphs"])


def test_bytes_are_what_is_stored_and_a_set_comes_back(tmp_path) -> None:
    small = HERE.chosen(torch.tensor([5, 0, 3]))
    save_set(small, tmp_path)
    again = load_set(tmp_path)
    assert isinstance(small.forest, GraphForest)
    assert isinstance(again.forest, GraphForest)
    assert again.nbytes == small.nbytes == sum(t.numel() * t.element_size() for t in small.payload().values())
    assert torch.equal(again.forest.graphs.edge_index, small.forest.graphs.edge_index)
    assert torch.equal(again.forest.graphs.x, small.forest.graphs.x)
    assert torch.equal(again.y, small.y)
    assert sorted(again.y.tolist()) == sorted(HERE.labels("train")[torch.tensor([5, 0, 3])].tolist())


def test_a_linear_model_reads_means_and_sizes_node_by_node() -> None:
    flat, graphs = HERE.flat("train"), HERE.graphs["train"]
    assert flat.shape == (16, HERE.encoding.width + 2)
    for number in range(16):
        one = graphs[number]
        wanted = [
            *HERE.encoding.encode(one.x).mean(dim=0).tolist(),
            torch.tensor(float(len(one.x))).log().item(),
            torch.tensor(float(one.edge_index.shape[1])).log1p().item(),
        ]
        assert flat[number].tolist() == pytest.approx(wanted, abs=1e-6)
    for number in (3, 1):
        torch.testing.assert_close(HERE.flat(HERE.chosen(torch.tensor([number]))), flat[number : number + 1])


def test_the_whole_split_is_read_as_it_is() -> None:
    whole = HERE.full()
    assert whole.entries == 16
    assert whole.nbytes == HERE.chosen(torch.arange(16)).nbytes
    net = HERE.network("GCN", 0).eval()
    torch.testing.assert_close(net(whole.inputs), net(HERE.inputs(HERE.chosen(torch.arange(16)))))


@pytest.mark.bits
def test_rows_train_and_say_the_same_twice() -> None:
    sets = HERE.random_sets(80, 2)
    row = row_of(HERE, *sets)
    assert row.test == row_of(HERE, *sets).test
    assert len(row.test) == 4
    assert row.group == "GCN"
    assert valid_score(HERE, sets[0]) == valid_score(HERE, sets[0])
    assert [len(s) for s in HERE.extra_baselines(sets)["random graphs, equal number"]] == [len(s) for s in sets]


@pytest.mark.parametrize(("classes", "name"), [(2, "number of nodes"), (3, "majority class")])
def test_scorers_without_a_network_fit_the_metric(classes: int, name: str) -> None:
    here = GraphSetProtocol(chains(classes=classes), trainings=1, fit=QUICK)
    rows = {row.name: row for row in baseline_rows(here, here.random_sets(100, 1))}
    assert name in rows
    assert ("majority class" in rows) == (classes == 3)
    assert "logistic regression on mean node features and sizes of the same set" in rows
    if classes == 3:
        y = here.labels("test")
        assert rows[name].test == pytest.approx([(y == here.labels("train").bincount().argmax()).float().mean().item()])


def test_targets_of_regression_are_refused() -> None:
    y = torch.arange(len(HERE.data.y))[:, None].float()
    with pytest.raises(ValueError, match="has targets of regression, but sets are distilled class by class; choose"):
        GraphSetProtocol(replace(HERE.data, y=y, metric="rmse"))
