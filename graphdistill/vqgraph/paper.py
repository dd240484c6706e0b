"""The published evaluation: codes in the teacher's path, and students whose checkpoint is chosen on test."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from graphdistill.core.randomness import scoped
from graphdistill.vqgraph.codebook import Health
from graphdistill.vqgraph.config import VQGraphConfig
from graphdistill.vqgraph.distill import (
    build_student,
    code_loss,
    distill_vqgraph,
    fit_student,
    soft_loss,
)
from graphdistill.vqgraph.evaluate import Scores, Taught
from graphdistill.vqgraph.quantized_teacher import QuantisedTeacher
from graphdistill.vqgraph.teachers import TeacherName, build_teacher, fit_teacher, teach
from graphdistill.vqgraph.tokenizer import Tokenizer

PUBLISHED = {
    "cora": 83.93,
    "citeseer": 76.08,
    "pubmed": 78.40,
    "a-computer": 85.17,
    "a-photo": 94.21,
    "ogbn-arxiv": 72.43,
    "ogbn-products": 79.17,
}
"""Accuracy of the published student in per cent, with a GraphSAGE teacher."""


def notes(name: str) -> list[str]:
    """What a reader of these rows has to know.

    Example:
        >>> notes("cora")
        ['Rows chosen on TEST are no estimates of what to expect.', 'The paper reports 83.93 for its student.']
    """
    known = [f"The paper reports {PUBLISHED[name]:.2f} for its student."] if name in PUBLISHED else []
    return ["Rows chosen on TEST are no estimates of what to expect.", *known]


def score_published(
    taught: Taught, config: VQGraphConfig, name: TeacherName, scores: dict[str, Scores], seed: int
) -> Health:
    """Add the rows of one seed that the published protocol has: its own teacher, and choices on test.

    Returns:
        Usage of the codebook in the teacher's path.
    """
    view, data = taught.view, taught.view.data
    with scoped(seed, "in path"):
        teacher, _ = build_teacher(name, data.x.shape[1], taught.logits.shape[1], hidden_channels=config.hidden)
        width = taught.hidden.shape[1]
        tokenizer = Tokenizer(width, data.x.shape[1], config.num_codes, width, metric=config.metric)
    whole = QuantisedTeacher(teacher, taught.layer, tokenizer, seed)
    none = data.x[view.unseen]

    def score(method: str, logits: Tensor, valid: float, start: float) -> None:
        scores.setdefault(method, Scores()).add(view, logits, none, valid, time.perf_counter() - start)

    start = time.perf_counter()
    fitted = fit_teacher(whole, data, penalty=lambda: whole.penalty, seed=seed)
    logits, hidden = teach(whole, f"teacher.{taught.layer}", data.x, data.edge_index)
    score("paper teacher", logits, fitted.valid, start)

    start = time.perf_counter()
    with scoped(seed, "weights"):
        student = build_student(data.x.shape[1], logits.shape[1], config)
        head = torch.nn.Linear(config.hidden, config.num_codes)
    with torch.no_grad():
        code = tokenizer(hidden)
    losses = [soft_loss(logits.softmax(dim=1)), code_loss(tokenizer, hidden, code, head, config)]
    chosen = fit_student(student, data, losses, config, extra=head, seed=seed, select=data.test)
    score("paper student", student(data.x), chosen.valid, start)

    start = time.perf_counter()
    outputs = taught.logits, taught.hidden
    ours = distill_vqgraph(
        taught.teacher,
        data,
        config,
        layer=taught.layer,
        generator=torch.Generator().manual_seed(seed),
        select=data.test,
        outputs=outputs,
    )
    score("paper ours", ours.student(data.x), ours.valid, start)

    start = time.perf_counter()
    with scoped(seed, "weights"):
        plain = build_student(data.x.shape[1], logits.shape[1], config)
    chosen = fit_student(plain, data, [soft_loss(taught.logits.softmax(dim=1))], config, seed=seed, select=data.test)
    score("paper glnn", plain(data.x), chosen.valid, start)
    return tokenizer.codebook.health(code)
