from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import one_hot

from graphdistill.core.networks.tree_counts import TreeCountNet, tree_counts
from graphdistill.core.trees.tree_counts import TreeCountRegression
from tests.core.trees.test_tree_counts import TEST, TRAIN, Y, counts, features, forest

TRAINED, TESTED = forest(TRAIN), forest(TEST)
MANY = torch.stack([Y.float(), 1 - Y.float(), (torch.arange(len(Y)) % 3 == 0).float()], dim=1)


@pytest.mark.parametrize("y", [Y, torch.arange(len(Y)) % 3, MANY], ids=["two classes", "three classes", "tasks"])
@pytest.mark.parametrize("depth", [0, 2])
def test_logits_are_those_of_the_regression(y: Tensor, depth: int) -> None:
    model = TreeCountRegression(depth=depth, min_graphs=4).fit(TRAINED, y, "rocauc")
    net = TreeCountNet.from_regression(model, depth)
    torch.testing.assert_close(net(TESTED), model.logits(TESTED))
    known = TreeCountNet.from_forest(TRAINED, 2, depth=depth, min_graphs=4).keys
    assert torch.equal(net.keys, known)


@pytest.mark.parametrize("hidden", [0, 7])
def test_logits_are_those_of_a_dense_network_on_log_counts(hidden: int) -> None:
    torch.manual_seed(0)
    net = TreeCountNet.from_forest(TRAINED, 3, min_graphs=3, hidden_channels=hidden)
    torch.nn.init.normal_(net.weight)
    torch.nn.init.normal_(net.bias)
    for graphs, counted in ((TRAIN, TRAINED), (TEST, TESTED)):
        dense = torch.zeros(len(graphs), len(net.keys))
        ptr, column, count = net.counts(counted)
        dense[torch.repeat_interleave(torch.arange(len(graphs)), ptr.diff()), column] = count.float()
        # Columns come in another order than those that are counted one by one.
        naive = np.expm1(features(TRAIN, graphs, 2, 3)).round().astype(int)
        assert sorted(dense.int().T.tolist()) == sorted(naive.T.tolist())
        h = dense.log1p() @ net.weight + net.bias
        torch.testing.assert_close(net(counted), h if net.head is None else net.head(h.relu()))


def test_a_subset_has_the_logits_of_its_graphs_and_gradients_reach_all_weights() -> None:
    torch.manual_seed(0)
    net = TreeCountNet.from_forest(TRAINED, 2, hidden_channels=5)
    index = torch.tensor([7, 3, 3])
    torch.testing.assert_close(net(TESTED.subset(index)), net(TESTED)[index])
    net(TRAINED).square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in net.parameters())


def test_counts_are_those_of_every_node() -> None:
    keys, graph, tree, count = tree_counts(TESTED, 2)
    assert len(keys.unique()) == len(keys)
    for number, one in enumerate(TEST):
        assert sorted(count[graph == number].tolist()) == sorted(counts(one, 2).values())
    assert int(tree.max()) == len(keys) - 1


@pytest.mark.parametrize("hidden", [0, 4])
def test_a_saved_network_is_rebuilt_from_its_tensors(hidden: int, tmp_path: Path) -> None:
    net = TreeCountNet.from_forest(TRAINED, 3, depth=1, hidden_channels=hidden)
    torch.nn.init.normal_(net.weight)
    save_file(net.state_dict(), tmp_path / "student.safetensors")
    again = TreeCountNet.from_tensors(load_file(tmp_path / "student.safetensors"))
    assert torch.equal(again(TESTED), net(TESTED))


def test_without_known_trees_logits_are_the_bias() -> None:
    net = TreeCountNet.from_forest(TRAINED, 2, min_graphs=1000)
    torch.nn.init.ones_(net.bias)
    assert net(TESTED).tolist() == [[1.0, 1.0]] * len(TEST)


def test_errors_name_the_way_out() -> None:
    with pytest.raises(ValueError, match="depth must be from 0 to 2, that of the forest's trees, got 3"):
        TreeCountNet.from_forest(TRAINED, 2, depth=3)
    state = TreeCountNet.from_forest(TRAINED, 2).state_dict()
    with pytest.raises(ValueError, match="tensors hold no 'keys'; give the state_dict of a TreeCountNet"):
        TreeCountNet.from_tensors({"weight": state["weight"]})
    with pytest.raises(ValueError, match=r"not the state_dict of a TreeCountNet: (?s:.*) mismatch for weight"):
        TreeCountNet.from_tensors(state | {"weight": state["weight"][1:]})
    with pytest.raises(ValueError, match="depth must be from 0 to 1"):
        TreeCountNet.from_forest(TRAINED, 2)(forest(TRAIN, 1))


def test_the_best_linear_network_for_hard_labels_is_the_regression() -> None:
    model = TreeCountRegression(min_graphs=4).fit(TRAINED, Y, "accuracy")
    net = TreeCountNet.from_forest(TRAINED, 2, min_graphs=4).fit_linear(TRAINED, one_hot(Y).float())
    # liblinear also penalises the intercept, which moves logits a little.
    torch.testing.assert_close(net(TESTED).softmax(1), model.logits(TESTED).softmax(1), rtol=0, atol=0.02)
    with pytest.raises(ValueError, match="the network has 3 hidden channels; fit one with hidden_channels=0"):
        TreeCountNet.from_forest(TRAINED, 2, hidden_channels=3).fit_linear(TRAINED, one_hot(Y).float())
