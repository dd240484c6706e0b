import copy
import warnings

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn
from torch_geometric.data import Batch, Data
from torch_geometric.loader import DataLoader

from graphdistill.mirage import LosslessLoader, lossless
from tests.mirage.layered.samples import Net, graphs, randomised

MANY = graphs() * 3


def net():
    return randomised(Net(lambda i: pyg.GINEConv(nn.Linear(i, 8), edge_dim=2), edges=True))


@pytest.mark.parametrize("accelerate", [False, True])
def test_an_epoch_trains_as_ordinary_mini_batches_do(accelerate):
    ours, theirs = net(), net()
    order = torch.randperm(len(MANY), generator=torch.Generator().manual_seed(5)).tolist()
    loader = LosslessLoader(
        MANY, ours, 2, batch_size=16, shuffle=True, generator=torch.Generator().manual_seed(5), accelerate=accelerate
    )
    for model, batches in ((ours, loader), (theirs, DataLoader([MANY[i] for i in order], 16))):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        for batch in batches:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(batch), batch.y).backward()
            optimizer.step()
    assert len(loader) == 4
    for a, b in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-9)
    # Afterwards the same object runs on ordinary batches.
    batch = Batch.from_data_list(MANY)
    torch.testing.assert_close(ours.eval()(batch), theirs.eval()(batch), rtol=0, atol=1e-9)


def test_batches_have_their_graphs_in_order():
    for shuffle in (False, True):
        seen = [
            torch.cat(
                [b.number for b in LosslessLoader(numbered, net(), 2, batch_size=7, shuffle=shuffle, generator=g)]
            )
            for numbered in [[Data(**d.to_dict(), number=i) for i, d in enumerate(MANY)]]
            for g in [torch.Generator().manual_seed(0)] * 2
        ]
        assert all(sorted(one.tolist()) == list(range(len(MANY))) for one in seen)
        assert torch.equal(seen[0], torch.arange(len(MANY))) is not shuffle
        assert torch.equal(*seen) is not shuffle


def test_a_short_last_batch_may_be_left_out():
    loader = LosslessLoader(MANY, net(), 2, batch_size=16, drop_last=True)
    assert [b.num_graphs for b in loader] == [16] * len(loader) == [16] * 3


def test_two_loaders_of_one_model_may_be_iterated_together():
    model = net()
    loaders = [LosslessLoader(MANY, model, 2, batch_size=20) for _ in range(2)]
    outs = [(model(a), model(b)) for a, b in zip(*loaders, strict=True)]
    assert all(torch.equal(a, b) for a, b in outs)
    assert "propagate" not in vars(model.convs[0])


def test_where_trees_hardly_repeat_it_says_so_and_takes_ordinary_batches():
    different = [copy.copy(d) for d in graphs(number=8)]
    for d in different:
        d.x = torch.rand(d.num_nodes, 3).double()
    with pytest.warns(
        UserWarning, match=r"^trees hardly repeat: 1.00 nodes per distinct tree in a batch of 4 graphs; its"
    ):
        loader = LosslessLoader(different, net(), 2, batch_size=4)
    assert [type(b).__name__ for b in loader] == ["DataBatch"] * len(loader)
    with pytest.warns(UserWarning, match=r"^trees hardly repeat: 1.00 nodes per distinct tree in all graphs at once$"):
        lossless(different, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lossless(MANY, 2)


def test_bad_arguments_are_one_clear_line():
    with pytest.raises(
        ValueError, match=r"^depth must be 1 or more, got 0; it is how often the model passes messages$"
    ):
        lossless(MANY, 0)
    with pytest.raises(ValueError, match=r"^batch_size must be 1 or more, got 0$"):
        LosslessLoader(MANY, net(), 2, batch_size=0)
    with pytest.raises(ValueError, match=r"^0 \(PairNorm\) normalises a node by the other nodes of its graph"):
        LosslessLoader(MANY, nn.Sequential(pyg.PairNorm()), 2)
    other = LosslessLoader(MANY, net(), 3, batch_size=20)
    with pytest.raises(ValueError, match=r"^depth is 3, but the model passes messages 2 times"):
        [other.model(batch) for batch in other]
    with pytest.raises(
        ValueError, match=r"reads edge_index itself, or runs outside of batch.run or of a loop over Loss"
    ):
        other.model(next(iter(other)))


LOSSES = {
    "squared": lambda out, y: nn.functional.mse_loss(out, y.nan_to_num()),
    "absolute": lambda out, y: nn.functional.l1_loss(out, y.nan_to_num()),
    "huber": lambda out, y: nn.functional.huber_loss(out, y.nan_to_num(), delta=0.3),
    "with gaps": lambda out, y: (out - y)[~torch.isnan(y)].square().mean(),
    "variance": lambda out, y: nn.functional.gaussian_nll_loss(out[:, 0], y.nan_to_num()[:, 1], out[:, 1].exp()),
    "ranking": lambda out, y: (out[:, 0] - out[:, 0].flip(0)).mul(y[:, 1].flip(0) - y[:, 1]).exp().log1p().sum(),
}


def with_targets():
    draw = torch.Generator().manual_seed(3)
    for graph in MANY:
        y = torch.randn(1, 2, generator=draw, dtype=torch.float64)
        y[0, 0] = torch.nan if y[0, 1] > 1 else y[0, 0]
        yield Data(**{**graph.to_dict(), "y": y})


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_losses_of_regression_have_the_gradients_of_ordinary_batches(loss):
    many, model = list(with_targets()), net()
    batch, ordinary, gradients = lossless(many, 2), Batch.from_data_list(many), []
    torch.testing.assert_close(batch.y, ordinary.y, equal_nan=True)
    for output in (lambda: model(ordinary), lambda: batch.run(model)):
        gradients.append(torch.autograd.grad(loss(output(), batch.y), list(model.parameters())))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-9)


def test_mini_batches_of_targets_train_as_ordinary_ones_do():
    many, ours, theirs = list(with_targets()), net(), net()
    for model, batches in ((ours, LosslessLoader(many, ours, 2, batch_size=16)), (theirs, DataLoader(many, 16))):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for batch in batches:
            optimizer.zero_grad()
            LOSSES["with gaps"](model(batch), batch.y).backward()
            optimizer.step()
    for a, b in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-9)
