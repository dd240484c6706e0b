"""Distillation and evaluation on another device than the CPU: a second one that is simulated, and the GPU."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from graphdistill.core.device import device_of
from graphdistill.core.randomness import scoped
from graphdistill.kd.nodes.config import TeacherConfig
from graphdistill.kd.nodes.teachers import TeacherName, build_teacher, fit_teacher, teacher_outputs
from graphdistill.vqgraph.codes import describe
from graphdistill.vqgraph.config import TokenizerConfig, VQGraphConfig
from graphdistill.vqgraph.distill import distill_vqgraph
from graphdistill.vqgraph.evaluate import METHODS, Scores, latency, score_seed
from graphdistill.vqgraph.paper import score_published
from graphdistill.vqgraph.tokenizer import Tokenizer, fit_tokenizer
from tests.kd.nodes.samples import small
from tests.second_device import second_device, values

DATA = small()
CONFIG = VQGraphConfig(
    num_codes=6,
    hidden=8,
    epochs=4,
    hard_weight=0.1,
    teacher=TeacherConfig(epochs=3),
    tokenizer=TokenizerConfig(epochs=4),
)


def distilled_on(device: str, name: TeacherName, batch_size: int | None) -> tuple[list[nn.Module], list[Tensor], float]:
    """All networks of a distillation from a teacher on a device, the results on the CPU, and the valid accuracy."""
    with scoped(0, "weights"):
        teacher, layer = build_teacher(name, 9, 3, hidden_channels=8)
        tokenizer = Tokenizer(8, 9, num_codes=5, dim=4).to(device)
    teacher = teacher.to(device)
    trained = fit_teacher(teacher, DATA, TeacherConfig(epochs=4, batch_size=batch_size))
    outputs = teacher_outputs(teacher, layer, DATA.x, DATA.edge_index, batch_size=batch_size)
    code = fit_tokenizer(
        tokenizer, outputs[1], DATA.x, DATA.edge_index, TokenizerConfig(epochs=2, batch_size=batch_size)
    )
    config = replace(CONFIG, eval_every=2, batch_size=batch_size)
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
    with second_device() as device:
        others, same, also = distilled_on(device.type, name, batch_size)
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


@pytest.mark.long
def test_all_methods_have_the_same_scores_on_any_device() -> None:
    with second_device() as device:
        assert evaluated_on(device.type) == evaluated_on("cpu")


@pytest.mark.gpu
def test_all_methods_are_evaluated_on_a_gpu() -> None:
    evaluated_on("cuda")
