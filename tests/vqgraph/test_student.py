from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import MLP

from graphdistill.core.randomness import scoped
from graphdistill.vqgraph.student import VQGraphStudent
from tests.kd.nodes.samples import rows

NORMS = (None, "batch_norm", "layer_norm")
LAYERS = (1, 2, 3, 4)
X = rows(20, 6)


def student(num_layers: int = 2, norm: str | None = None, **options: float) -> VQGraphStudent:
    with scoped(0, "weights"):
        return VQGraphStudent(6, 8, 3, num_layers, norm=norm, **options)


def stock(num_layers: int, norm: str | None) -> MLP:
    """Torch-geometric's own; its layer norm is taken over all nodes by default."""
    kwargs = {"mode": "node"} if norm == "layer_norm" else None
    with scoped(1, "weights"):
        return MLP([6] + [8] * (num_layers - 1) + [3], norm=norm, norm_kwargs=kwargs, dropout=0.5)


def trained(model: nn.Module) -> nn.Module:
    """A few steps, so that norms have weights and running averages of their own."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    with scoped(2, "dropout"):
        for _ in range(3):
            optimizer.zero_grad()
            model.train()(X).square().sum().backward()
            optimizer.step()
    return model.eval()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("num_layers", LAYERS)
def test_weights_move_to_torch_geometric_and_back(num_layers: int, norm: str | None) -> None:
    ours, theirs = student(num_layers, norm), stock(num_layers, norm)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for source, target in ((ours, theirs), (theirs, ours)):
        trained(source)
        target.load_state_dict(source.state_dict())
        assert torch.equal(source(X), target.eval()(X))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("num_layers", LAYERS)
def test_training_is_that_of_torch_geometric(num_layers: int, norm: str | None) -> None:
    ours, theirs = student(num_layers, norm), stock(num_layers, norm)
    theirs.load_state_dict(ours.state_dict())
    trained(ours)
    trained(theirs)
    for our, other in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        assert torch.equal(our, other)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("num_layers", LAYERS)
def test_edges_are_ignored(num_layers: int, norm: str | None) -> None:
    one = trained(student(num_layers, norm))
    edges = torch.randint(20, (2, 50), generator=torch.Generator().manual_seed(0))
    out = one(X)
    assert out.shape == (20, 3)
    assert torch.equal(one(X, edges), out)
    assert torch.equal(one(X, edge_index=edges), out)
    assert torch.equal(one(X, torch.tensor([[10**6], [-7]])), out)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("num_layers", LAYERS)
def test_a_row_has_one_answer_alone_and_in_any_company(num_layers: int, norm: str | None) -> None:
    one = trained(student(num_layers, norm))
    out, order = one(X), torch.randperm(20, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(one(X[order]), out[order])
    torch.testing.assert_close(torch.cat([one(row[None]) for row in X]), out)
    assert one(X[:0]).shape == (0, 3)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("num_layers", LAYERS)
def test_the_first_layer_embed_and_head_compose_to_forward(num_layers: int, norm: str | None, training: bool) -> None:
    one, outs = student(num_layers, norm).train(training), []
    calls: list[Callable[[], Tensor]] = [lambda: one(X), lambda: one.head(one.embed(one.lins[0](X)))]
    for call in calls:
        with scoped(0, "dropout"):
            outs.append(call())
    assert torch.equal(*outs)
    assert one.embed(one.lins[0](X)).shape == (20, 3 if num_layers == 1 else 8)


def test_one_layer_is_a_linear_one() -> None:
    one = student(1)
    assert torch.equal(one(X), torch.nn.functional.linear(X, one.lins[0].weight, one.lins[0].bias))
    assert sum(p.numel() for p in one.parameters()) == 7 * 3


@pytest.mark.parametrize("dropout", [0, 1, 0.5])
def test_dropout_is_for_training_only(dropout: float) -> None:
    one = student(3, dropout=dropout)
    assert torch.equal(one.eval()(X), one(X))
    one.train()
    with scoped(0, "dropout"):
        first, second = one(X), one(X)
    assert torch.equal(first, second) == (dropout in (0, 1))


def test_the_config_makes_another_of_the_same_shape() -> None:
    one = trained(student(3, "batch_norm", dropout=0.2))
    other = VQGraphStudent(**one.config)
    other.load_state_dict(one.state_dict())
    assert torch.equal(other.eval()(X), one(X))
    assert isinstance(one, MLP)
    assert repr(one) == "VQGraphStudent(6, 8, 8, 3)"


bad_calls: dict[str, Callable[[], object]] = {
    r"x must be \[N, 6\], the features it was trained on, got \[20, 5\]": lambda: student()(X[:, :5]),
    r"x must be \[N, 6\], the features it was trained on, got \[6\]": lambda: student()(X[0]),
    r"num_layers must be 1 or more, got 0": lambda: student(0),
    r"in_channels must be 1 or more, got -1": lambda: VQGraphStudent(-1, 8, 3),
    r"hidden_channels must be 1 or more, got 0": lambda: VQGraphStudent(1, 0, 3),
    r"out_channels must be 1 or more, got 0": lambda: VQGraphStudent(1, 8, 0),
    r"dropout must be from 0 to 1, got 1.5": lambda: student(dropout=1.5),
    r"norm must be batch_norm, layer_norm or None, got 'pair_norm'": lambda: student(norm="pair_norm"),
}


@pytest.mark.parametrize("message", bad_calls)
def test_errors_name_the_argument_and_the_value(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bad_calls[message]()
