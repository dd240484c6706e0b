from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fed.trees.client import TreesClient, as_network, keyed, readable
from graphdistill.core.networks.tree_counts import TreeCountNet
from graphdistill.core.trees.tree_counts import TreeCountRegression
from tests.fed.samples import molecular

KEY = b"k" * 32


@pytest.fixture
def part(monkeypatch):
    return molecular(monkeypatch)[1][0]


def test_features_are_those_of_the_central_model(part):
    forest, y, _ = part.train
    central = TreeCountRegression(min_graphs=1).fit(forest, y, "rocauc")
    holder = TreesClient(part, KEY)
    for split in ("train", "valid", "test"):
        wanted = central.features(getattr(part, split)[0]).toarray()
        got = holder.features(split, holder.ids).toarray()
        # In another order of columns.
        assert sorted(map(tuple, got.T)) == sorted(map(tuple, wanted.T))
    some = holder.ids[[1, 4]]
    np.testing.assert_array_equal(
        holder.features("valid", some).toarray(), holder.features("valid", holder.ids).toarray()[:, [1, 4]]
    )
    assert holder.features("train", np.zeros(1, np.uint64)).nnz == 0


def test_the_gradient_is_that_of_autograd(part):
    holder, y = TreesClient(part, KEY), part.train[1]
    draws = np.random.default_rng(0)
    weights, balance = draws.normal(size=len(holder.ids) + 1), np.array([0.7, 1.6])
    loss, gradient = holder.loss_and_gradient(holder.ids, weights, balance)
    x = torch.from_numpy(holder.features("train", holder.ids).toarray())
    w = torch.tensor(weights, requires_grad=True)
    c = torch.from_numpy(balance)[y]
    wanted = F.binary_cross_entropy_with_logits(x @ w[:-1] + w[-1], y.double(), c, reduction="sum")
    wanted.backward()
    assert loss == pytest.approx(wanted.item())
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, w.grad, rtol=1e-6, atol=1e-6)
    assert holder.sizes.tolist() == torch.bincount(y).tolist()


def test_ids_are_readable_with_the_key_alone(part):
    holder = TreesClient(part, KEY)
    plain = part.tree_counts["train"][0]
    assert not set(holder.ids.tolist()) & set(plain.view(np.uint64).tolist())
    assert not set(holder.ids.tolist()) & set(keyed(plain, b"another").tolist())
    assert (np.diff(holder.ids.view(np.uint64)) > 0).all()


def test_the_model_scores_new_graphs_for_holders_of_the_key(part):
    holder = TreesClient(part, KEY)
    weights = np.random.default_rng(1).normal(size=len(holder.ids) + 1)
    # As it is stored, and read back.
    net = TreeCountNet.from_tensors(as_network(holder.ids, weights).state_dict())
    for split in ("train", "test"):
        forest = getattr(part, split)[0]
        wanted = holder.features(split, holder.ids) @ weights[:-1] + weights[-1]
        logits = readable(net, forest, KEY)(forest)
        np.testing.assert_allclose((logits[:, 1] - logits[:, 0]).detach(), wanted, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(readable(net, forest, b"another")(forest).detach()[:, 1], weights[-1] / 2, rtol=1e-5)


def test_a_split_without_a_class_has_no_score(part):
    holder = TreesClient(part, KEY)
    weights = np.zeros(len(holder.ids) + 1)
    assert holder.score("train", holder.ids, weights) == 0.5
    x, y, weight = part.valid
    assert TreesClient(replace(part, valid=(x, 0 * y, weight)), KEY).score("valid", holder.ids, weights) == -1
