import numpy as np
import pytest
from ogb.utils import smiles2graph

from graphdistill.mirage.shards.featurise import graphs_of, graphs_part
from graphdistill.mirage.shards.packing import unpack_graphs
from graphdistill.mirage.shards.work import Work, content_of
from tests.mirage.shards import toys


def test_graphs_of_shards_are_those_of_ogb(tmp_path):
    work = toys.work(tmp_path)
    work.split()
    number = 0
    for shard in range(work.shards):
        arrays = graphs_part(work, shard)
        graphs = unpack_graphs(arrays)
        for place, y, k in zip(arrays["place"], arrays["y"][:, 0], range(len(graphs)), strict=True):
            expected = smiles2graph(toys.SMILES[place])
            assert np.array_equal(graphs[k].x.numpy(), expected["node_feat"])
            assert np.array_equal(graphs[k].edge_index.numpy(), expected["edge_index"])
            assert np.array_equal(graphs[k].edge_attr.numpy(), expected["edge_feat"])
            assert y == toys.LABELS[place]
            number += 1
    assert number == len(toys.SMILES)


def test_no_molecules_are_no_graphs():
    graphs, molecules = graphs_of([])
    assert (len(graphs), len(molecules.status)) == (0, 0)


def test_what_rdkit_cannot_read_is_refused_with_its_line_or_left_out(tmp_path):
    path = toys.write(tmp_path, ["CCO 1", "C1CC 0", "CN 0", "X 1"])
    for skip in (False, True):
        work = Work(toys.Source(path), tmp_path / "work", 4, 1, content_of(path), skip_invalid=skip)
        work.split()
        if skip:
            assert graphs_part(work, 0)["place"].tolist() == [0, 2]
        else:
            with pytest.raises(ValueError, match=r"2 rows cannot be used. line 2: 'C1CC' is not a SMILES.*line 4: 'X'"):
                graphs_part(work, 0)
