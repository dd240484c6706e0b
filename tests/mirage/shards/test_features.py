import numpy as np
import scipy.sparse as sp
import torch

from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.tree_counts import TreeCountRegression
from graphdistill.mirage.shards.features import Counted, count_rows, match
from graphdistill.mirage.shards.featurise import graphs_of
from tests.mirage.shards import toys


def test_rows_are_the_features_of_the_model_in_memory():
    graphs, _ = graphs_of(toys.SMILES)
    forest = build_forest(graphs, 2)
    model = TreeCountRegression(min_graphs=3).fit(forest, torch.tensor(toys.LABELS), "rocauc")
    rows = count_rows(graphs, tuple(ids.numpy() for ids in model.ids))
    shape = (len(graphs), sum(map(len, model.ids)))
    found = sp.csr_matrix((np.log1p(rows["count"].astype(float)), rows["column"].astype(np.int64), rows["ptr"]), shape)
    assert abs(found - model.features(forest)).max() < 1e-12


def test_a_part_has_the_rows_of_its_shard(tmp_path):
    work = toys.work(tmp_path)
    work.split()
    counted = Counted(work, 1, 3)
    parts = [counted.part(shard) for shard in range(3)]
    whole = count_rows(graphs_of(toys.SMILES)[0], counted.ids)
    for name in ("column", "count"):
        assert np.array_equal(np.concatenate([part[name] for part in parts]), whole[name])
    assert len(counted.supports) == sum(map(len, counted.ids))


def test_ids_are_found_by_both_words():
    known = np.array([[1, 0], [1, 5], [9, 9]])
    assert match(known, np.array([[1, 5], [1, 6], [9, 9], [2, 0]])).tolist() == [1, -1, 2, -1]
    assert match(np.zeros((0, 2), np.int64), known).tolist() == [-1, -1, -1]
