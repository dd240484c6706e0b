import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.dictionary import Level, Trees
from graphdistill.core.trees.forest import Forest
from graphdistill.mirage.compress import compress, rewrite, stand_in, tree_order


def random_forest(num_graphs=60, seed=0, depth=2):
    draw = torch.Generator().manual_seed(seed)
    graphs = []
    for _ in range(num_graphs):
        n = int(torch.randint(3, 9, (), generator=draw))
        pairs = torch.randint(0, n, (2, n), generator=draw)
        edges = torch.cat([pairs, pairs.flip(0)], dim=1)
        graphs.append(Data(x=torch.randint(0, 3, (n, 1), generator=draw), edge_index=edges))
    return build_forest(Graphs.from_data_list(graphs), depth).by_frequency()


def cuts(forest):
    """Every deepest tree's row at each depth, deepest last."""
    rows = [torch.arange(forest.trees.sizes[-1])]
    for level in reversed(forest.trees.levels):
        rows.insert(0, level.truncated[rows[0]])
    return rows


def test_stand_in_agrees_to_the_greatest_depth_by_brute_force():
    forest = random_forest()
    keep = tree_order(forest)[:12]
    chosen = stand_in(forest, keep)
    nodes = forest.multiplicity(torch.long)[-1]
    rows = cuts(forest)
    for tree in range(forest.trees.sizes[-1]):
        agree = [max([d for d in range(3) if rows[d][k] == rows[d][tree]], default=-1) for k in keep.tolist()]
        best = [k for k, depth in zip(keep.tolist(), agree, strict=True) if depth == max(agree)]
        assert int(chosen[tree]) in best
        assert nodes[chosen[tree]] == max(nodes[k] for k in best)


def test_stand_in_does_not_depend_on_threads():
    draw = torch.Generator().manual_seed(0)
    own = torch.randint(0, 50, (300_000,), generator=draw)
    nothing = torch.empty(0, dtype=torch.long)
    level = Level(own, torch.zeros(len(own) + 1, dtype=torch.long), nothing, None)
    trees = Trees(torch.zeros(50, 1).long(), torch.zeros(50).long(), None, (level,))
    rows = torch.arange(len(own))
    forest = Forest(trees, torch.tensor([0, len(own)]), rows, torch.ones_like(rows))
    keep = torch.randperm(len(own), generator=draw)[:200_000]
    expected = np.full(50, len(own))
    np.minimum.at(expected, own[keep].numpy(), keep.numpy())
    kept = np.isin(rows.numpy(), keep.numpy())
    threads = torch.get_num_threads()
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            found = stand_in(forest, keep).numpy()
            assert (found == np.where(kept, rows.numpy(), expected[own.numpy()])).all()
    finally:
        torch.set_num_threads(threads)


def test_kept_trees_stay_themselves_and_everything_kept_is_lossless():
    forest = random_forest()
    keep = tree_order(forest)[:5]
    assert torch.equal(stand_in(forest, keep)[keep], keep)
    whole = rewrite(forest, tree_order(forest))
    assert whole.nbytes == forest.nbytes
    for name, tensor in forest.payload().items():
        assert torch.equal(whole.payload()[name], tensor), name


def test_rewriting_keeps_the_number_of_nodes():
    forest = random_forest()
    small = rewrite(forest, tree_order(forest)[:3])
    assert small.trees.sizes[-1] <= 3
    assert torch.equal(small.num_nodes, forest.num_nodes)


def test_tree_order_matches_the_formula():
    forest = random_forest(depth=2)
    nodes = forest.multiplicity(torch.double)
    rows = cuts(forest)
    worth = []
    for tree in range(forest.trees.sizes[-1]):
        total = float(nodes[2][tree])
        for depth, factor in ((1, 1), (0, 2)):
            rivals = (rows[depth] == rows[depth][tree]).nonzero().view(-1)
            if int(rivals[nodes[2][rivals].argmax()]) == tree:
                total += factor * float(nodes[depth][rows[depth][tree]])
        worth.append(total)
    ordered = [worth[t] for t in tree_order(forest).tolist()]
    assert ordered == sorted(worth, reverse=True)


@pytest.mark.parametrize("budget", [150, 400, 1000, 2000])
def test_a_budget_is_kept_and_used(budget):
    forest = random_forest(200)
    small, index = compress(forest, torch.arange(200), budget, extra_bytes=1, at_least=2)
    spent = small.nbytes + len(small)
    assert spent <= budget
    assert spent > 0.85 * budget
    assert torch.equal(index, torch.arange(len(small)))


def test_a_budget_of_everything_is_lossless_and_one_below_is_not():
    forest = random_forest(50)
    enough = forest.nbytes + 50
    small, index = compress(forest, torch.arange(50), enough, extra_bytes=1, at_least=2)
    assert len(index) == 50
    assert small.trees.sizes == forest.trees.sizes
    small, _ = compress(forest, torch.arange(50), enough - 1, extra_bytes=1, at_least=2)
    assert small.nbytes + len(small) < enough


def test_a_budget_below_the_smallest_set_names_the_bytes_that_would_do():
    forest = random_forest()
    with pytest.raises(
        ValueError, match=r"the budget of 5 bytes is below the smallest set.*give --bytes \d+ or more"
    ) as error:
        compress(forest, torch.arange(60), 5, extra_bytes=1, at_least=2)
    enough = int(str(error.value).split("--bytes ")[1].split()[0])
    assert len(compress(forest, torch.arange(60), enough, extra_bytes=1, at_least=2)[1]) >= 2
