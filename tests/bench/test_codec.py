import pytest
import torch
from torch_geometric.data import Data

from graphdistill.bench import codec
from graphdistill.bench.options import CodecBench
from graphdistill.core.codec import prior_graphs
from graphdistill.core.data.graphs import Graphs
from graphdistill.datasets import load


@pytest.fixture
def printed(monkeypatch):
    lines = []
    monkeypatch.setattr(codec.console, "print", lambda *parts: lines.append(parts[0]))
    return lines


def test_a_table_has_a_row_for_each_contender(printed):
    bench = CodecBench(draws=2)
    for use_prior in (False, True):
        codec.compare(load("pains"), 20, bench, use_prior=use_prior)
    title = "20 of pains, mean of 2 draws"
    assert [table.title for table in printed] == [title, f"{title}, with the prior"]
    for table in printed:
        assert table.row_count == 1 + 2 * len(codec.compressors())
        assert float(next(iter(table.columns[1].cells))) < 40


def test_text_has_undirected_edges_once():
    index = torch.tensor([[0, 1, 1, 1], [1, 0, 2, 1]])
    graph = Data(x=torch.tensor([[6], [8], [7]]), edge_index=index, edge_attr=torch.tensor([[1], [1], [2], [0]]))
    assert codec.text_of(Graphs.from_data_list([graph])) == ["6;8;7|0,1,1;1,2,2;1,1,0"]


def test_smiles_of_the_prior_are_those_of_molecules():
    smiles = codec.smiles_of(prior_graphs("moses500").subset(torch.arange(30)))
    assert len(set(smiles)) > 25
    assert all("C" in text or "c" in text for text in smiles)
    assert "[C" not in "".join(smiles)


def test_compressors_that_are_not_installed_are_named(printed, monkeypatch):
    monkeypatch.setattr(codec.importlib.util, "find_spec", lambda name: None)
    assert codec.missing() == ["brotli", "pyppmd"]
    assert list(codec.compressors()) == ["zlib", "xz"]


def test_labels_at_each_precision(printed):
    codec.labels(CodecBench(datasets=("pains",), sizes=(40,), draws=1))
    (table,) = printed[-1:]
    cells = [next(iter(column.cells)) for column in table.columns[1:]]
    divergence = [float(cell.split("(")[1][:-1]) for cell in cells]
    assert divergence == sorted(divergence, reverse=True)
    assert len(cells) == len(codec.BITS)
    assert float(cells[1].split()[0]) < 0.6


@pytest.mark.long
def test_memory_of_more_graphs(printed):
    codec.memory(CodecBench(datasets=("pains",)))
    assert printed[-1].row_count in (0, 3)
