import numpy as np
import torch
from sklearn.linear_model import Ridge
from torch_geometric.data import Data

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.randomness import generator
from graphdistill.core.trees.build import build_forest
from graphdistill.mirage.draws import best_order, directions, draw_scorer


def random_forest(num_graphs=80, seed=0):
    draw = torch.Generator().manual_seed(seed)
    graphs = []
    for _ in range(num_graphs):
        n = int(torch.randint(3, 9, (), generator=draw))
        pairs = torch.randint(0, n, (2, n), generator=draw)
        x = torch.randint(0, 3, (n, 1), generator=draw)
        graphs.append(Data(x=x, edge_index=torch.cat([pairs, pairs.flip(0)], dim=1)))
    return build_forest(Graphs.from_data_list(graphs), 1)


def test_directions_do_not_depend_on_the_dictionary():
    forest = random_forest()
    part = torch.arange(10, 20)
    assert torch.allclose(directions(forest)[part], directions(forest.subset(part).by_frequency()), atol=1e-6)


def test_directions_by_hand():
    forest = random_forest(5).cut(0)
    ids = forest.trees.ids()[0][:, 0].tolist()
    signs = np.array([[1 if (i >> bit) & 1 else -1 for bit in range(64)] for i in ids])
    counts = np.zeros((5, len(ids)))
    counts[forest.graph, forest.tree] = forest.count
    expected = np.log1p(counts) @ signs
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.allclose(directions(forest).numpy(), np.hstack([np.ones((5, 1)), expected]), atol=1e-5)


def test_the_score_is_ridge_regression_and_correlation_by_scikit_learn():
    forest = random_forest()
    logits = torch.randn(80, 2, generator=generator(0, "logits"))
    numbers = torch.arange(0, 80, 4)
    found = draw_scorer(forest, logits, generator(0, "judge"))(forest.subset(numbers), numbers)
    target = (logits - logits.mean(dim=0)).double().numpy()
    features = directions(forest).double().numpy()
    model = Ridge(alpha=1.0, fit_intercept=False).fit(features[numbers], target[numbers])
    guess = model.predict(features)
    expected = np.mean([np.corrcoef(guess[:, c], target[:, c])[0, 1] for c in range(2)])
    assert np.isclose(found, expected, atol=1e-4)


def test_the_best_order_is_the_one_with_the_best_score_and_ties_go_to_the_first():
    forest = random_forest(20)
    orders = [torch.randperm(20, generator=generator(s, "order")) for s in range(6)]

    def score(draw, numbers):
        assert len(draw) == len(numbers) == 5
        return float(numbers.sum())

    best = max(orders, key=lambda order: int(order[:5].sum()))
    assert torch.equal(best_order(forest, orders, 5, score), best)
    assert torch.equal(best_order(forest, orders, 5, lambda draw, numbers: 0.0), orders[0])


def test_the_best_draw_recovers_the_teacher_better_than_most():
    forest = random_forest(200)
    logits = directions(forest)[:, 1:3] * 5
    score = draw_scorer(forest, logits, generator(0, "judge"))
    orders = [torch.randperm(200, generator=generator(s, "order")) for s in range(30)]
    scores = sorted(score(forest.subset(o[:8]), o[:8]) for o in orders)
    chosen = best_order(forest, orders, 8, score)
    assert score(forest.subset(chosen[:8]), chosen[:8]) == scores[-1] > scores[15]
