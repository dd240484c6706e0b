"""Losses, targets and codes make their tensors on the device of their inputs; on a GPU all of a distillation runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from graphdistill.core.device import device_of
from graphdistill.core.randomness import generator, scoped
from graphdistill.vqgraph.baselines import neighbour_loss, relation_loss
from graphdistill.vqgraph.codebook import Distance
from graphdistill.vqgraph.codes import describe, find_meanings
from graphdistill.vqgraph.config import TeacherConfig, TokenizerConfig, VQGraphConfig
from graphdistill.vqgraph.distill import Loss, code_loss, distill_vqgraph, hard_loss, soft_loss, weighted
from graphdistill.vqgraph.evaluate import METHODS, Scores, latency, score_seed
from graphdistill.vqgraph.paper import score_published
from graphdistill.vqgraph.targets import feature_neighbours, label_spreading
from graphdistill.vqgraph.teachers import TeacherName, build_teacher, fit_teacher, teacher_outputs
from graphdistill.vqgraph.tokenizer import Tokenizer, fit_tokenizer
from tests.devices import Elsewhere, simulated_device, values
from tests.vqgraph.samples import rows, small

DATA = small()
HIDDEN = rows(60, 7)
CODE = torch.arange(60) % 5
CONFIG = VQGraphConfig(num_codes=6, hidden=8, epochs=8, hard_weight=0.1, teacher=TeacherConfig(epochs=5))


def started() -> Tokenizer:
    tokenizer = Tokenizer(7, 9, num_codes=5, dim=4)
    tokenizer.start(HIDDEN, generator(0))
    return tokenizer


made: dict[str, Callable[[], Tensor | tuple[Tensor, ...]]] = {
    "label spreading": lambda: label_spreading(rows(60, 3).softmax(dim=1), DATA.edge_index, DATA.x),
    "neighbours in features": lambda: feature_neighbours(DATA.x, 3),
    "no neighbours in features": lambda: feature_neighbours(DATA.x, 0),
    "meanings of codes": lambda: find_meanings(CODE, HIDDEN[:, 0], DATA.edge_index, DATA.y, num_codes=5, num_classes=3),
}


@pytest.mark.parametrize("name", made)
def test_nothing_is_made_elsewhere(name: str) -> None:
    want = made[name]()
    with Elsewhere():
        got = made[name]()
    ours, theirs = ([value] if isinstance(value, Tensor) else value for value in (got, want))
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("metric", get_args(Distance))
def test_a_tokenizers_step_makes_nothing_elsewhere(metric: Distance) -> None:
    tokenizer = Tokenizer(7, 9, num_codes=5, dim=4, metric=metric)
    with Elsewhere():
        tokenizer.start(HIDDEN, generator(0))
        loss, z, code = tokenizer.loss(HIDDEN, DATA.x, DATA.edge_index)
        loss.backward()  # type: ignore[no-untyped-call]
        tokenizer.codebook.update(z, code, generator(0))
        tokenizer.codebook.health(code)


losses: dict[str, Callable[[], Loss]] = {
    "soft": lambda: soft_loss(rows(60, 3).softmax(dim=1)),
    "hard": lambda: weighted(hard_loss(DATA), 2.0),
    "code": lambda: code_loss(started(), HIDDEN, CODE, nn.Linear(8, 5), CONFIG),
    "relations": lambda: relation_loss(HIDDEN, 0, size=20),
    "neighbours": lambda: neighbour_loss(rows(60, 3).softmax(dim=1), DATA.edge_index, torch.full((60,), 0.8), 0),
}


@pytest.mark.parametrize("name", losses)
def test_losses_make_nothing_elsewhere(name: str) -> None:
    loss, nodes = losses[name](), torch.arange(40)
    logits, h = rows(40, 3).requires_grad_(), rows(40, 8).requires_grad_()
    with Elsewhere():
        loss(nodes, logits, h).backward()  # type: ignore[no-untyped-call]


def distilled_on(device: str, name: TeacherName, batch_size: int | None) -> tuple[list[nn.Module], list[Tensor], float]:
    """All networks of a distillation from a teacher on a device, the results on the CPU, and the valid accuracy."""
    with scoped(0, "weights"):
        teacher, layer = build_teacher(name, 9, 3, hidden_channels=8)
        tokenizer = Tokenizer(8, 9, num_codes=5, dim=4).to(device)
    teacher = teacher.to(device)
    trained = fit_teacher(teacher, DATA, TeacherConfig(epochs=10, batch_size=batch_size))
    outputs = teacher_outputs(teacher, layer, DATA.x, DATA.edge_index, batch_size=batch_size)
    code = fit_tokenizer(
        tokenizer, outputs[1], DATA.x, DATA.edge_index, TokenizerConfig(epochs=2, batch_size=batch_size)
    )
    config = VQGraphConfig(num_codes=6, hidden=8, epochs=12, hard_weight=0.1, eval_every=2, batch_size=batch_size)
    out = distill_vqgraph(teacher, DATA, config, layer=layer)
    assert out.tokenizer is not None
    assert out.head is not None
    assert out.code is not None
    head = describe(out, teacher, DATA, layer=layer)
    networks = [teacher, tokenizer, out.student, out.tokenizer, out.head, head]
    assert {value.device.type for network in networks for value in network.state_dict().values()} == {device}
    results = [*outputs, code, out.code, torch.tensor([trained.valid])]
    assert {(result.device.type, type(result)) for result in results} == {("cpu", Tensor)}
    return networks, results, out.valid


@pytest.mark.parametrize(("name", "batch_size"), [("GCN", 16), *((name, None) for name in get_args(TeacherName))])
def test_a_distillation_is_the_same_wherever_the_teacher_is(name: TeacherName, batch_size: int | None) -> None:
    networks, results, valid = distilled_on("cpu", name, batch_size)
    with simulated_device() as device:
        others, same, also = distilled_on(device, name, batch_size)
    for one, other in zip(networks, others, strict=True):
        state = values(other.state_dict())
        assert all(torch.equal(value, state[key]) for key, value in one.state_dict().items())
    assert all(torch.equal(one, other) for one, other in zip(results, same, strict=True))
    assert valid == also


@pytest.mark.gpu
@pytest.mark.parametrize("batch_size", [None, 16])
def test_a_distillation_runs_on_a_gpu(batch_size: int | None) -> None:
    networks, results, valid = distilled_on("cuda", "GCN", batch_size)
    assert valid > 0.4
    assert all(bool(result.isfinite().all()) for result in results)
    assert all(bool(p.isfinite().all()) for network in networks for p in network.parameters())


def evaluated_on(device: str) -> dict[str, tuple[dict[str, list[float]], list[float]]]:
    """Scores of all methods and of the published protocol on a device."""
    scores: dict[str, Scores] = {}
    trained, distilled = score_seed(DATA, "GCN", "inductive", CONFIG, scores, seed=0, device=device)
    assert set(scores) == set(METHODS)
    assert distilled is not None
    assert device_of(distilled.student).type == device
    assert min(latency(trained, distilled.student, draws=2).values()) > 0
    trained, _ = score_seed(DATA, "GCN", "transductive", CONFIG, {}, seed=0, methods=("teacher",), device=device)
    score_published(trained, CONFIG, "GCN", scores, 0)
    return {name: (found.test, found.valid) for name, found in scores.items()}


def test_all_methods_have_the_same_scores_on_any_device() -> None:
    with simulated_device() as device:
        assert evaluated_on(device) == evaluated_on("cpu")


@pytest.mark.gpu
def test_all_methods_are_evaluated_on_a_gpu() -> None:
    evaluated_on("cuda")
