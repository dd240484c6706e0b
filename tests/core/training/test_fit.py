from __future__ import annotations

import copy
from typing import Any, get_args

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.sparse_features import SparseFeatures
from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.networks.node_gcn import NodeGCN, Nodes, Propagation
from graphdistill.core.networks.tree_gnn import GNN, Network, Norm
from graphdistill.core.randomness import scoped
from graphdistill.core.training import fit as fit_module
from graphdistill.core.training.augment import Augment
from graphdistill.core.training.fit import FitConfig, FitResult, fit, fit_together, predict
from graphdistill.core.training.metrics import score
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.forest import Forest
from tests.kd.nodes.samples import small as nodes
from tests.second_device import second_device, values


def rings(count: int, seed: int) -> tuple[Graphs, Tensor]:
    """Rings of three labels; the class says whether two neighbours somewhere both have label 1."""
    generator = torch.Generator().manual_seed(seed)
    graphs, y = [], []
    for _ in range(count):
        nodes = int(torch.randint(5, 8, (), generator=generator))
        x = torch.randint(3, (nodes, 1), generator=generator)
        half = torch.stack([torch.arange(nodes), torch.arange(1, nodes + 1) % nodes])
        graphs.append(Data(x=x, edge_index=torch.cat([half, half.flip(0)], dim=1)))
        y.append(int(bool(((x[half[0]] == 1) & (x[half[1]] == 1)).any())))
    return Graphs.from_data_list(graphs), torch.tensor(y)


GRAPHS, Y = rings(60, 0)
TRAIN = build_forest(GRAPHS, 2)
VALID_GRAPHS, VALID_Y = rings(60, 1)
VALID = build_forest(VALID_GRAPHS, 2)
QUICK = FitConfig(steps=12, eval_every=3)


def train(
    *, y: Tensor = Y, train: Forest = TRAIN, dropout: float = 0.3, norm: Norm = "layer", **more: Any
) -> tuple[GNN, FitResult]:
    with scoped(7, "weights"):
        model = GNN("GIN", GRAPHS, "categorical", 2, hidden_channels=16, norm=norm, dropout=dropout)
    options: dict[str, Any] = {
        "valid": (VALID, VALID_Y),
        "metric": "accuracy",
        "task": "multiclass",
        "config": QUICK,
    } | more
    return model, fit(model, train, y, **options)


def same(one: GNN, other: GNN) -> bool:
    return all(torch.equal(a, other.state_dict()[name]) for name, a in one.state_dict().items())


@pytest.mark.bits
@pytest.mark.parametrize("batch_size", [512, 16])
def test_the_same_seed_gives_the_same_network_bit_for_bit(batch_size: int) -> None:
    config = FitConfig(steps=12, eval_every=3, batch_size=batch_size)
    first, fitted = train(config=config, seed=1, norm="batch")
    torch.rand(5)  # what others draw does not matter
    second, again = train(config=config, seed=1, norm="batch")
    assert same(first, second)
    assert (fitted.valid, fitted.step) == (again.valid, again.step)
    assert not same(first, train(config=config, seed=2, norm="batch")[0])


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    train()
    assert torch.equal(torch.get_rng_state(), before)


def test_training_learns() -> None:
    _, fitted = train(dropout=0.0, config=FitConfig(steps=150, lr=1e-2))
    trivial = max(float((VALID_Y == c).double().mean()) for c in (0, 1))
    assert fitted.valid > trivial + 0.15
    assert fitted.seconds > 0


def test_the_checkpoint_is_the_best_on_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    checks: list[tuple[float, dict[str, Tensor]]] = []
    kept: list[GNN] = []

    def spy(model: GNN, forest: Forest) -> Tensor:
        kept.append(model)
        return predict(model, forest)

    def scripted(logits: Tensor, y: Tensor, metric: str) -> float:
        values = (0.3, 0.8, 0.5, 0.8, 0.1)
        checks.append((values[len(checks)], copy.deepcopy(kept[-1].state_dict())))
        return checks[-1][0]

    monkeypatch.setattr(fit_module, "predict", spy)
    monkeypatch.setattr(fit_module, "score", scripted)
    model, fitted = train(config=FitConfig(steps=14, eval_every=3))
    assert len(checks) == 5  # at steps 3, 6, 9, 12 and the last
    assert (fitted.valid, fitted.step) == (0.8, 6)
    assert all(torch.equal(value, checks[1][1][name]) for name, value in model.state_dict().items())
    assert not all(torch.equal(value, checks[4][1][name]) for name, value in model.state_dict().items())


def test_the_score_is_that_of_the_network_that_is_left() -> None:
    for metric in ("accuracy", "rocauc"):
        model, fitted = train(metric=metric)
        assert score(predict(model, VALID), VALID_Y, metric) == fitted.valid


def test_patience_stops_early(monkeypatch: pytest.MonkeyPatch) -> None:
    checks: list[float] = []

    def falling(logits: Tensor, y: Tensor, metric: str) -> float:
        checks.append(0.9 - len(checks) / 100)
        return checks[-1]

    monkeypatch.setattr(fit_module, "score", falling)
    _, fitted = train(config=FitConfig(steps=200, eval_every=2, patience=3))
    assert (len(checks), fitted.step) == (4, 2)


def test_the_scale_of_weights_does_not_matter_but_their_ratio_does() -> None:
    weight = torch.rand(len(Y), generator=torch.Generator().manual_seed(0)) + 0.1
    one, four = train(weight=weight)[0], train(weight=4 * weight)[0]
    assert same(one, four)
    third = train(weight=weight / 3)[0]
    for name, value in one.state_dict().items():
        torch.testing.assert_close(third.state_dict()[name], value, rtol=1e-3, atol=1e-4)
    assert same(train()[0], train(weight=torch.full((len(Y),), 8.0))[0])
    assert not same(one, train()[0])


def test_a_graph_of_no_weight_does_not_count() -> None:
    weight = torch.ones(len(Y))
    weight[:10] = 0
    other = Y.clone()
    other[:10] = 1 - other[:10]
    assert same(train(weight=weight)[0], train(weight=weight, y=other)[0])
    assert not same(train()[0], train(y=other)[0])


def test_mini_batches_take_every_graph_once_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    subset = Forest.subset

    def spy(self: Forest, index: Tensor, **more: Any) -> Forest:
        seen.extend(index.tolist())
        return subset(self, index, **more)

    monkeypatch.setattr(Forest, "subset", spy)
    _, fitted = train(config=FitConfig(steps=9, eval_every=3, batch_size=20))
    assert len(seen) == 180
    for epoch in range(3):
        assert sorted(seen[60 * epoch : 60 * epoch + 60]) == list(range(60))
    assert seen[:60] != seen[60:120]
    assert fitted.step in (3, 6, 9)


def test_labels_follow_their_graphs_into_mini_batches() -> None:
    config = FitConfig(steps=150, lr=1e-2, batch_size=20)
    trivial = max(float((VALID_Y == c).double().mean()) for c in (0, 1))
    assert train(dropout=0.0, config=config)[1].valid > trivial + 0.15


def test_soft_labels_and_many_tasks() -> None:
    hard, soft = train()[0], train(y=torch.nn.functional.one_hot(Y, 2).float())[0]
    for name, value in hard.state_dict().items():
        torch.testing.assert_close(soft.state_dict()[name], value, rtol=1e-3, atol=1e-4)
    tasks = torch.stack([Y.float(), 1 - Y.float()], dim=1)
    tasks[::3, 0] = torch.nan
    valid = (VALID, torch.stack([VALID_Y.float(), 1 - VALID_Y.float()], dim=1))
    model, fitted = train(y=tasks, valid=valid, task="multilabel", metric="rocauc")
    assert 0 <= fitted.valid <= 1
    assert all(bool(torch.isfinite(value.float()).all()) for value in model.state_dict().values())


def test_the_untrained_network_is_no_candidate_where_validation_says_nothing() -> None:
    """Validation of one class has no ROC-AUC; training must not be thrown away in silence."""
    untrained = train(config=FitConfig(steps=1, lr=0.0, weight_decay=0.0))[0]
    valid = (VALID, torch.zeros_like(VALID_Y))
    model, _ = train(metric="rocauc", valid=valid)
    names = [name for name, _ in model.named_parameters()]
    assert not all(torch.equal(model.state_dict()[name], untrained.state_dict()[name]) for name in names)


def test_predictions_are_made_in_evaluation_mode_without_gradients() -> None:
    model, _ = train()
    model.train()
    logits = predict(model, VALID)
    assert not model.training
    assert not logits.requires_grad
    assert torch.equal(logits, predict(model, VALID))
    assert torch.equal(logits, model(VALID))


@pytest.mark.parametrize("name", ["steps", "batch_size", "eval_every", "patience"])
@pytest.mark.parametrize("value", [0, -3])
def test_counts_below_one_are_refused(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be 1 or more, got {value}$"):
        FitConfig(**{name: value})


IMAGES = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
BRIGHT = (torch.arange(40) % 2).long()
IMAGES[BRIGHT == 1, :, 3] += 0.5


def train_images(**more: Any) -> tuple[ConvNet, FitResult]:
    with scoped(7, "weights"):
        model = ConvNet((1, 8, 8), 2, width=4)
    options: dict[str, Any] = {"valid": (IMAGES, BRIGHT), "metric": "accuracy", "task": "multiclass", "config": QUICK}
    return model, fit(model, IMAGES, BRIGHT, **(options | more))


def test_images_are_trained_on_in_batches_or_whole() -> None:
    for batch_size in (512, 16):
        model, fitted = train_images(config=FitConfig(steps=60, batch_size=batch_size, lr=1e-2))
        assert fitted.valid > 0.9
        assert score(predict(model, IMAGES), BRIGHT, "accuracy") == fitted.valid


def test_augmentations_are_by_the_seed() -> None:
    def noisy(x: Tensor, draw: torch.Generator) -> Tensor:
        return x + torch.rand(x.shape, generator=draw)

    one, other, third = (train_images(augment=noisy, seed=seed)[0] for seed in (1, 1, 2))
    assert torch.equal(one.head.weight, other.head.weight)
    assert not torch.equal(one.head.weight, third.head.weight)
    assert not torch.equal(one.head.weight, train_images(seed=1)[0].head.weight)


def test_predictions_of_many_images_come_in_chunks_and_in_order() -> None:
    model, _ = train_images()
    many = IMAGES.repeat(10, 1, 1, 1)
    torch.testing.assert_close(predict(model, many), predict(model, IMAGES).repeat(10, 1))


@pytest.mark.parametrize("batch_size", [512, 7])
def test_nodes_of_a_graph_are_trained_on_whole_or_in_batches(batch_size: int) -> None:
    """All nodes pass messages, those of the batch alone are compared."""
    data = nodes(90)
    spread = Propagation(data.edge_index, 90)
    x = SparseFeatures(spread(data.x))
    before = torch.get_rng_state()

    def trained(seed: int) -> tuple[NodeGCN, FitResult]:
        with scoped(0, "weights"):
            model = NodeGCN(9, 3, width=8, dropout=0.2)
        sides = [(Nodes(x, spread, rows), data.y[rows]) for rows in (data.train, data.valid)]
        config = FitConfig(steps=80, batch_size=batch_size, eval_every=20, lr=0.03)
        options: dict[str, Any] = {"metric": "accuracy", "task": "multiclass", "config": config, "seed": seed}
        return model, fit(model, *sides[0], valid=sides[1], **options)

    (model, fitted), (again, _), (other, _) = trained(0), trained(0), trained(1)
    assert fitted.valid > 0.8
    logits = predict(model, Nodes(x, spread, data.valid))
    assert logits.shape == (30, 3)
    assert score(logits, data.y[data.valid], "accuracy") == fitted.valid
    assert torch.equal(model.head.weight, again.head.weight)
    assert not torch.equal(model.head.weight, other.head.weight)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("batch_size", [512, 16])
def test_networks_that_are_trained_together_are_what_they_are_alone(batch_size: int) -> None:
    config = FitConfig(steps=30, eval_every=3, patience=2, batch_size=batch_size)
    options: dict[str, Any] = {"valid": (VALID, VALID_Y), "metric": "accuracy", "task": "multiclass", "config": config}

    def networks() -> list[GNN]:
        made = []
        for number, name in enumerate(("GIN", "GAT", "GCN")):
            with scoped(number, "weights"):
                made.append(GNN(name, GRAPHS, "categorical", 2, hidden_channels=16, dropout=0.3))  # type: ignore[arg-type]
        return made

    together, alone = networks(), networks()
    fitted = fit_together(together, TRAIN, Y, **options)
    for number, model in enumerate(alone):
        one = fit(model, TRAIN, Y, **options)
        assert (one.valid, one.step) == (fitted[number].valid, fitted[number].step)
        assert same(model, together[number])


def test_parameters_have_memory_of_their_own_after_training() -> None:
    model, _ = train()
    storages = [p.untyped_storage().data_ptr() for p in model.parameters()]
    assert len(set(storages)) == len(storages)
    assert all(p.grad is None for p in model.parameters())


def test_a_parameter_without_a_gradient_decays_and_a_frozen_one_stays() -> None:
    class Extra(ConvNet):
        def __init__(self) -> None:
            super().__init__((1, 8, 8), 2, width=4)
            self.unused, self.frozen = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2), False)

    model = Extra()
    config = FitConfig(steps=1, lr=0.1, weight_decay=0.5)
    fit(model, IMAGES, BRIGHT, valid=(IMAGES, BRIGHT), metric="accuracy", task="multiclass", config=config)
    torch.testing.assert_close(model.unused, torch.full((2,), 0.95))
    assert model.frozen.tolist() == [1, 1]


def fitted_on(device: str, kind: str, name: Any = "GIN") -> tuple[torch.nn.Module, FitResult, Tensor]:
    """A network on a device, trained on data of the CPU for some steps, and its predictions."""
    data: Any = (TRAIN, Y, VALID, VALID_Y) if kind == "trees" else (IMAGES, BRIGHT, IMAGES, BRIGHT)
    if kind == "nodes":
        graph = nodes(90)
        spread = Propagation(graph.edge_index, 90)
        parts = [(Nodes(SparseFeatures(graph.x), spread, rows), graph.y[rows]) for rows in (graph.train, graph.valid)]
        data = (*parts[0], *parts[1])
    with scoped(7, "weights"):
        networks = {
            "trees": lambda: GNN(name, GRAPHS, "categorical", 2, hidden_channels=16, dropout=0.3),
            "images": lambda: ConvNet((1, 8, 8), 2, width=4, norm="batch"),
            "nodes": lambda: NodeGCN(9, 3, width=8, dropout=0.3),
        }
        model: torch.nn.Module = networks[kind]().to(device)
    config, augment = FitConfig(steps=6, batch_size=16, eval_every=2), Augment().each if kind == "images" else None
    valid, weight = data[2:], torch.linspace(1, 2, len(data[1]))
    options: dict[str, Any] = {"valid": valid, "weight": weight, "config": config, "augment": augment}
    found = fit(model, *data[:2], metric="accuracy", task="multiclass", **options)
    logits = predict(model, data[2])
    assert {p.device for p in model.parameters()} == {torch.zeros(0, device=device).device}
    assert (logits.device.type, type(logits)) == ("cpu", Tensor)
    return model, found, logits


@pytest.mark.parametrize(
    ("kind", "name"), [("images", ""), ("nodes", ""), *(("trees", name) for name in get_args(Network))]
)
def test_data_are_moved_to_the_networks_device(kind: str, name: str) -> None:
    cpu, found, logits = fitted_on("cpu", kind, name)
    with second_device() as device:
        there, also, same_logits = fitted_on(device.type, kind, name)
    state = values(there.state_dict())
    assert all(torch.equal(value, state[name]) for name, value in cpu.state_dict().items())
    assert torch.equal(logits, same_logits)
    assert (found.valid, found.step) == (also.valid, also.step)


def test_networks_on_a_device_are_trained_together_as_alone() -> None:
    with second_device() as device:
        nets = []
        for number in (0, 1, 0, 1):
            with scoped(number, "weights"):
                nets.append(GNN("GIN", GRAPHS, "categorical", 2, hidden_channels=8, dropout=0.3).to(device))
        options: dict[str, Any] = {"valid": (VALID, VALID_Y), "metric": "accuracy", "task": "multiclass"}
        fit_together(nets[:2], TRAIN, Y, config=QUICK, **options)
        for net in nets[2:]:
            fit(net, TRAIN, Y, config=QUICK, **options)
        assert same(nets[0], nets[2])
        assert same(nets[1], nets[3])


@pytest.mark.gpu
@pytest.mark.parametrize("kind", ["trees", "images", "nodes"])
def test_a_network_on_a_gpu_trains_there(kind: str) -> None:
    """Dropout draws other numbers there; the same seed draws the same ones."""
    first, second = (fitted_on("cuda:0", kind) for _ in range(2))
    torch.testing.assert_close(first[2], second[2], atol=0.02, rtol=0.02)
    assert bool(first[2].isfinite().all())
