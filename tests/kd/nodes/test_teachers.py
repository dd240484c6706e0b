from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric import nn as pyg

from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.randomness import scoped
from graphdistill.core.training.fit import FitResult
from graphdistill.core.training.metrics import score
from graphdistill.kd.nodes import teachers
from graphdistill.kd.nodes.config import TeacherConfig
from graphdistill.kd.nodes.teachers import (
    APPNP,
    TeacherName,
    build_teacher,
    find_layer,
    fit_teacher,
    replaced,
    teacher_outputs,
)
from graphdistill.vqgraph.tokenizer import Tokenizer
from tests.kd.nodes.samples import small

DATA = small()
NAMES = get_args(TeacherName)
ALL = (-1,) * 12  # APPNP reads ten steps, and degrees


class Mine(nn.Module):
    """A user's own network: layers in a dictionary, one that answers for the graph, one that gives two things."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleDict({"first": pyg.SAGEConv(9, 8), "last": pyg.GraphConv(8, 3)})
        self.readout, self.twins, self.unused = nn.Linear(8, 3), Twins(), nn.Linear(1, 1)
        self.norm = nn.BatchNorm1d(8)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        h, _ = self.twins(self.norm(self.parts["first"](x, edge_index)).relu())
        return self.parts["last"](h, edge_index) + self.readout(h.mean(dim=0))


class Twins(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


def build(name: str = "GCN", **options: float) -> tuple[nn.Module, str]:
    with scoped(0, "weights"):
        if name == "Mine":
            return Mine(), "parts.first"
        if name == "GIN":
            return pyg.GIN(9, 8, 2, 3), "convs.0.nn"
        return build_teacher(name, 9, 3, **{"hidden_channels": 8, "dropout": 0.2, **options})


def fit(teacher: nn.Module, *, seed: int = 0, penalty: Callable[[], Tensor] | None = None, **options: Any) -> FitResult:
    config = TeacherConfig(**{"epochs": 40, "input_dropout": 0.1, **options})
    return fit_teacher(teacher, DATA, config, penalty=penalty, seed=seed)


def logits_of(teacher: nn.Module) -> Tensor:
    with torch.no_grad():
        return teacher.eval()(DATA.x, DATA.edge_index)


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


@pytest.mark.parametrize(("batch_size", "fanout"), [(None, ()), (8, (5, 5)), (8, ALL)])
@pytest.mark.parametrize("name", [*NAMES, "Mine", "GIN"])
def test_any_teacher_learns_and_has_logits_and_hidden_rows(
    name: str, batch_size: int | None, fanout: tuple[int, ...]
) -> None:
    teacher, layer = build(name)
    trained = fit(teacher, batch_size=batch_size, fanout=fanout)
    assert trained.valid > 0.55  # of three classes
    logits, hidden = teacher_outputs(teacher, layer, DATA.x, DATA.edge_index)
    assert torch.equal(logits, logits_of(teacher))
    assert hidden.shape == (60, 8)
    assert not logits.requires_grad
    assert not hidden.requires_grad
    sampled = fanout == (5, 5) or (name == "Mine" and batch_size is not None)  # "Mine" reads the mean of all nodes
    assert score(logits[DATA.valid], DATA.y[DATA.valid], "accuracy") == pytest.approx(
        trained.valid, abs=0.2 if sampled else 1e-6
    )


def test_hidden_rows_are_what_the_layer_gives() -> None:
    teacher, layer = build("GCN")
    _, hidden = teacher_outputs(teacher, layer, DATA.x, DATA.edge_index)
    assert torch.equal(hidden, teacher.convs[0](DATA.x, DATA.edge_index))
    appnp, layer = build("APPNP")
    _, hidden = teacher_outputs(appnp, layer, DATA.x, DATA.edge_index)
    assert torch.equal(hidden, appnp.hidden(DATA.x))


@pytest.mark.parametrize("name", NAMES)
def test_in_batches_a_teacher_has_the_same_outputs(name: str) -> None:
    teacher, layer = build(name)
    whole = teacher_outputs(teacher, layer, DATA.x, DATA.edge_index)
    parts = teacher_outputs(teacher, layer, DATA.x, DATA.edge_index, batch_size=7, fanout=ALL)
    for part, want in zip(parts, whole, strict=True):
        torch.testing.assert_close(part, want)
    sampled, again = (
        teacher_outputs(teacher, layer, DATA.x, DATA.edge_index, batch_size=7, fanout=(1, 1)) for _ in range(2)
    )
    assert [v.shape for v in sampled] == [v.shape for v in whole]
    assert all(torch.equal(a, b) for a, b in zip(sampled, again, strict=True))


@pytest.mark.parametrize("layer", ["parts.first", "readout"])
def test_each_module_trains_or_not_as_before(layer: str) -> None:
    teacher, _ = build("Mine")
    teacher.train().norm.eval()  # as a frozen norm
    with contextlib.suppress(ValueError):  # "readout" gives no row per node
        teacher_outputs(teacher, layer, DATA.x, DATA.edge_index)
    assert [name for name, module in teacher.named_modules() if not module.training] == ["norm"]


def test_appnp_is_a_network_on_features_that_is_propagated() -> None:
    teacher = APPNP(9, 8, 3).double().eval()
    adjacency = torch.eye(60, dtype=torch.double)
    adjacency[DATA.edge_index[0], DATA.edge_index[1]] = 1
    scale = adjacency.sum(dim=1).rsqrt()
    adjacency = scale[:, None] * adjacency * scale
    start = teacher.out(teacher.hidden(DATA.x.double()).relu())
    want = start
    for _ in range(10):
        want = 0.9 * adjacency @ want + 0.1 * start
    torch.testing.assert_close(teacher(DATA.x.double(), DATA.edge_index), want)


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("name", ["GCN", "GraphSAGE", "GAT"])
def test_teachers_may_be_deeper(name: str, num_layers: int) -> None:
    teacher, layer = build(name, num_layers=num_layers)
    logits, hidden = teacher_outputs(teacher, layer, DATA.x, DATA.edge_index)
    assert logits.shape == (60, 3)
    assert hidden.shape == (60, 3 if num_layers == 1 else 8)


@pytest.mark.parametrize(("batch_size", "lr"), [(None, 0.3), (8, 0.1)])
def test_the_kept_checkpoint_is_the_one_of_least_validation_loss(batch_size: int | None, lr: float) -> None:
    least, worse = float("inf"), 0
    for epochs in range(1, 16):  # a shorter run is the beginning of a longer one
        teacher, _ = build("GCN", dropout=0.9)
        trained = fit(teacher, epochs=epochs, batch_size=batch_size, fanout=ALL, lr=lr)
        here = float(F.cross_entropy(logits_of(teacher)[DATA.valid], DATA.y[DATA.valid]))
        assert here <= least
        assert score(logits_of(teacher)[DATA.valid], DATA.y[DATA.valid], "accuracy") == trained.valid
        if trained.step == epochs:
            best, least = teacher, here
        else:
            worse += 1
        assert same(teacher, best)
    assert 0 < worse < 14


def test_training_stops_when_patience_ends() -> None:
    passes = []

    def penalty() -> Tensor:
        passes.append(0)
        return torch.zeros(())

    trained = fit(build()[0], epochs=500, patience=5, penalty=penalty)
    assert len(passes) == trained.step + 5 < 500


def test_a_penalty_is_part_of_the_loss() -> None:
    teachers = [build()[0] for _ in range(2)]
    fit(teachers[0], epochs=30)
    fit(teachers[1], epochs=30, penalty=lambda: 100 * teachers[1].convs[0].lin.weight.square().sum())
    sizes = [float(t.convs[0].lin.weight.detach().norm()) for t in teachers]
    assert sizes[1] < 0.6 * sizes[0]


@pytest.mark.bits
@pytest.mark.parametrize("batch_size", [None, 8])
@pytest.mark.parametrize("name", [*NAMES, "Mine"])
def test_the_same_seed_gives_the_same_weights_whatever_the_global_state(name: str, batch_size: int | None) -> None:
    teachers = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(teachers))
        before = torch.get_rng_state()
        teacher, _ = build(name)
        fit(teacher, epochs=3, patience=1000, seed=seed, batch_size=batch_size)
        assert torch.equal(torch.get_rng_state(), before)
        teachers.append(teacher)
    assert same(teachers[0], teachers[1])
    assert not same(teachers[0], teachers[2])


def test_labels_of_test_nodes_are_not_read() -> None:
    y = DATA.y.clone()
    y[DATA.test] = -1
    hidden = NodeDataset("hidden", DATA.x, DATA.edge_index, y, DATA.train, DATA.valid, DATA.test)
    first, second = build()[0], build()[0]
    one, other = (fit_teacher(net, data, TeacherConfig(epochs=5)) for net, data in ((first, DATA), (second, hidden)))
    assert (one.valid, one.step) == (other.valid, other.step)
    assert min(one.seconds, other.seconds) > 0
    assert same(first, second)


def test_outputs_change_no_weight_and_leave_no_hook() -> None:
    teacher, layer = build("Mine")
    before = copy.deepcopy(teacher)
    teacher_outputs(teacher, layer, DATA.x, DATA.edge_index)
    assert same(teacher, before)
    assert not any(module._forward_hooks for module in teacher.modules())


def test_what_a_layer_gives_can_be_replaced_for_a_while() -> None:
    teacher, layer = build()
    before = logits_of(teacher)
    with replaced(teacher, layer, torch.zeros_like):
        assert not torch.equal(logits_of(teacher), before)
        _, hidden = teacher_outputs(teacher, layer, DATA.x, DATA.edge_index)
        assert hidden.eq(0).all()
    assert torch.equal(logits_of(teacher), before)


@pytest.mark.parametrize("where", ["in the context", "in the change"])
def test_the_teacher_is_restored_after_an_error(where: str) -> None:
    teacher, layer = build()
    before = logits_of(teacher)

    def change(h: Tensor) -> Tensor:
        if where == "in the change":
            raise RuntimeError("stop")
        return h * 2

    def fail() -> None:
        with replaced(teacher, layer, change):
            logits_of(teacher)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert torch.equal(logits_of(teacher), before)
    assert not any(module._forward_hooks for module in teacher.modules())


def test_a_tokenizer_fits_into_the_teachers_path() -> None:
    """As published: the classifier reads codes, and gradients pass through these to the layer before."""
    teacher, layer = build()
    with scoped(0, "tokenizer"):
        tokenizer = Tokenizer(8, 9, num_codes=4, dim=8)
    hidden = teacher_outputs(teacher, layer, DATA.x, DATA.edge_index)[1]
    tokenizer.codebook.start(tokenizer.encode(hidden).detach(), torch.Generator().manual_seed(0))
    before = copy.deepcopy(teacher)
    with replaced(teacher, layer, lambda h: tokenizer.quantise(h)[1]):
        trained = fit(teacher, epochs=5)
        logits, q = teacher_outputs(teacher, layer, DATA.x, DATA.edge_index)
    assert len(q.unique(dim=0)) <= 4
    assert score(logits[DATA.valid], DATA.y[DATA.valid], "accuracy") == trained.valid
    assert not torch.equal(teacher.convs[0].lin.weight, before.convs[0].lin.weight)


def test_layers_are_found_by_path() -> None:
    teacher, _ = build("Mine")
    assert find_layer(teacher, "parts.first") is teacher.parts["first"]


mine = Mine()
bad_calls: dict[str, Callable[[], object]] = {
    r"layer 'convs.7' is not in the teacher; it has .*convs, convs.0, .*convs.1": lambda: teacher_outputs(
        build()[0], "convs.7", DATA.x, DATA.edge_index
    ),
    r"layer '' is not in the teacher; it has parts, parts.first, .*readout, twins": lambda: find_layer(mine, ""),
    r"layer 'readout' must give \[60, H\], a row per node, got \[3\]; name another layer": lambda: teacher_outputs(
        mine, "readout", DATA.x, DATA.edge_index
    ),
    r"layer 'twins' must give .* got no tensor": lambda: teacher_outputs(mine, "twins", DATA.x, DATA.edge_index),
    r"layer 'unused' must give .* got no tensor": lambda: teacher_outputs(mine, "unused", DATA.x, DATA.edge_index),
    r"teacher must be one of GCN, GraphSAGE, GAT, APPNP, got 'GTN'": lambda: build_teacher("GTN", 9, 3),
}


@pytest.mark.parametrize("message", bad_calls)
def test_errors_name_the_argument_and_the_value(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bad_calls[message]()
    assert not any(module._forward_hooks for module in mine.modules())


@pytest.mark.parametrize(("name", "takes"), [("GCN", True), ("GAT", True), ("GraphSAGE", False)])
def test_large_sparse_features_train_the_same_teacher(
    name: TeacherName, takes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = F.pad(DATA.x[:, :1], (0, 39)).abs()
    x = torch.stack([row.roll(int(y)) for row, y in zip(x, DATA.y, strict=True)])
    data, config = replace(DATA, x=x), TeacherConfig(epochs=5, input_dropout=0.0)

    def trained() -> nn.Module:
        with scoped(0, "weights"):
            teacher, _ = build_teacher(name, 40, 3, hidden_channels=8, dropout=0.0)
        fit_teacher(teacher, data, config)
        return teacher

    dense = trained()
    monkeypatch.setattr(teachers, "SPARSE_ENTRIES", 1)
    entries = teachers._sparse(x)
    assert entries is not None
    assert teachers._takes(dense, entries, data.edge_index) == takes
    before = torch.get_rng_state()
    for one, other in zip(trained().parameters(), dense.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
    assert torch.equal(torch.get_rng_state(), before)
    assert teachers._sparse(DATA.x) is None
