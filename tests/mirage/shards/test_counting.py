import numpy as np

from graphdistill.core.trees.build import build_forest
from graphdistill.mirage.shards.counting import count_trees, supports_part
from graphdistill.mirage.shards.featurise import graphs_of, graphs_part
from tests.mirage.shards import toys


def triples(ids, graph, tree, count):
    return sorted(zip(map(tuple, ids[tree].tolist()), graph.tolist(), count.tolist(), strict=True))


def test_counts_are_those_of_a_forest_in_memory():
    graphs, _ = graphs_of(toys.SMILES)
    forest = build_forest(graphs, 3)
    for depth, counts in enumerate(count_trees(graphs, 3)):
        level = forest.cut(depth)
        expected = triples(level.trees.ids()[-1].numpy(), level.graph.numpy(), level.tree.numpy(), level.count.numpy())
        assert triples(counts.ids, counts.graph, counts.tree, counts.count) == expected


def test_supports_are_training_molecules_that_hold_a_tree(tmp_path):
    work = toys.work(tmp_path)
    work.split()
    for shard in range(work.shards):
        split, arrays = graphs_part(work, shard)["split"], supports_part(work, shard)
        graphs, _ = graphs_of(work.text(shard)["text"].tobytes().decode().split("\n"))
        for depth, counts in enumerate(count_trees(graphs, work.depth)):
            found = {
                tuple(i): s for i, s in zip(arrays[f"ids{depth}"].tolist(), arrays[f"support{depth}"], strict=True)
            }
            expected = {}
            for graph, tree in zip(counts.graph, counts.tree, strict=True):
                if split[graph] == 0:
                    key = tuple(counts.ids[tree].tolist())
                    expected[key] = expected.get(key, 0) + 1
            assert found == expected


def test_a_shard_without_molecules_has_no_trees():
    graphs, _ = graphs_of([])
    assert [len(counts.ids) for counts in count_trees(graphs, 2)] == [0, 0, 0]
    assert all(counts.count.dtype == np.int64 for counts in count_trees(graphs, 2))
