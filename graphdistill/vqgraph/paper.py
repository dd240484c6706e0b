"""The published evaluation: a quantized teacher, and students whose checkpoint is selected on test."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from graphdistill.core.device import device_of
from graphdistill.core.randomness import scoped
from graphdistill.kd.nodes.teachers import TeacherName, build_teacher, fit_teacher, teacher_outputs
from graphdistill.vqgraph.codebook import Health
from graphdistill.vqgraph.config import VQGraphConfig
from graphdistill.vqgraph.distill import (
    build_student,
    build_tokenizer,
    code_loss,
    distill_vqgraph,
    fit_student,
    soft_loss,
)
from graphdistill.vqgraph.evaluate import Scores, TrainedTeacher, logits_of
from graphdistill.vqgraph.quantized_teacher import QuantizedTeacher

PUBLISHED = {
    "cora": 83.93,
    "citeseer": 76.08,
    "pubmed": 78.40,
    "a-computer": 85.17,
    "a-photo": 94.21,
    "ogbn-arxiv": 72.43,
    "ogbn-products": 79.17,
}
"""Accuracy in percent of the published student with a GraphSAGE teacher."""


def notes(name: str) -> list[str]:
    """Notes on the rows of the published protocol.

    Example:
        >>> notes("cora")
        ['Rows selected on TEST overestimate the accuracy on new data.', 'The paper reports 83.93 for its student.']
    """
    known = [f"The paper reports {PUBLISHED[name]:.2f} for its student."] if name in PUBLISHED else []
    return ["Rows selected on TEST overestimate the accuracy on new data.", *known]


def score_published(
    trained: TrainedTeacher, config: VQGraphConfig, name: TeacherName, scores: dict[str, Scores], seed: int
) -> Health:
    """Add the rows of the published protocol for one seed: its quantized teacher, and selection on test.

    Returns:
        Usage of the codebook in the teacher's path.
    """
    split, data = trained.split, trained.split.data
    with scoped(seed, "in path"):
        teacher, _ = build_teacher(name, data.x.shape[1], trained.logits.shape[1], hidden_channels=config.hidden)
        width = trained.hidden.shape[1]
        tokenizer = build_tokenizer(width, data.x.shape[1], config, width)
    device = device_of(trained.teacher)
    whole = QuantizedTeacher(teacher, trained.layer, tokenizer, seed).to(device)
    none = data.x[split.unseen]

    def score(method: str, logits: Tensor, valid: float, start: float) -> None:
        scores.setdefault(method, Scores()).add(split, logits, none, valid, time.perf_counter() - start)

    start = time.perf_counter()
    fitted = fit_teacher(whole, data, config.teacher, penalty=lambda: whole.penalty, seed=seed)
    logits, hidden = teacher_outputs(whole, f"teacher.{trained.layer}", data.x, data.edge_index)
    score("paper teacher", logits, fitted.valid, start)

    start = time.perf_counter()
    with scoped(seed, "weights"):
        student = build_student(data.x.shape[1], logits.shape[1], config).to(device)
        head = torch.nn.Linear(config.hidden, config.num_codes).to(device)
    hidden = hidden.to(device)
    with torch.no_grad():
        code = tokenizer(hidden)
    losses = [soft_loss(logits.to(device).softmax(dim=1)), code_loss(tokenizer, hidden, code, head, config)]
    chosen = fit_student(student, data, losses, config, extra=head, seed=seed, select=data.test)
    score("paper student", logits_of(student, data.x), chosen.valid, start)

    start = time.perf_counter()
    outputs = trained.logits, trained.hidden
    ours = distill_vqgraph(
        trained.teacher,
        data,
        config,
        layer=trained.layer,
        generator=torch.Generator().manual_seed(seed),
        select=data.test,
        outputs=outputs,
    )
    score("paper ours", logits_of(ours.student, data.x), ours.valid, start)

    start = time.perf_counter()
    with scoped(seed, "weights"):
        plain = build_student(data.x.shape[1], logits.shape[1], config).to(device)
    soft = trained.logits.to(device).softmax(dim=1)
    chosen = fit_student(plain, data, [soft_loss(soft)], config, seed=seed, select=data.test)
    score("paper glnn", logits_of(plain, data.x), chosen.valid, start)
    return tokenizer.codebook.health(code)
