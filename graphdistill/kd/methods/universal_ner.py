r"""UniversalNER-like: a student of tagged words learns from narrow questions to one teacher, one type of spans each.

.. math:: L = w \, \mathrm{CE}\bigl(\arg\max z_t, z_s\bigr) + w_y \, \mathrm{CE}(y, z_s)

on the words of the questions of a step, with the teacher's logits :math:`z_t`: which words of sentence i are a span of
type t? Positive questions, whose answer has a span, are drawn alike. Each comes with some negative ones, whose sentence
is random and whose type is drawn by its frequency among the types that the sentence lacks. The student has the labels y
of a part of the sentences, and the teacher's answers about all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.core.methods import Result
from graphdistill.core.randomness import generator
from graphdistill.kd.data.tagged import TaggedView
from graphdistill.kd.data.view import Kind, View
from graphdistill.kd.losses.kl import KD
from graphdistill.kd.methods import kd
from graphdistill.kd.objective import Batch, Context, Objective
from graphdistill.kd.selectors.negatives import negative_weights

PAPER = "Zhou et al., ICLR 2024, https://arxiv.org/abs/2308.03279"
RESULT = Result(
    paper="no checked number at hand",
    ours=(
        "text/wnut17, F1 of spans in %, seeds 0 and 1: 19.18 and 17.33 (labels alone 10.00 and "
        "12.58, teacher 10.53 and 14.17)"
    ),
    command="python -m graphdistill.bench kd --parts data",
    differs=("A small tagger that knows its types, where the paper has language models that read their names."),
)
FOR: tuple[Kind, ...] = ("text",)
COMPARED = {"types alike": {"negative_types": "uniform"}}


@dataclass(frozen=True, kw_only=True)
class Config(kd.Config):
    """Options of UniversalNER."""

    labelled: float = 0.25
    """Share of the labelled training sentences whose labels the student sees; the teacher was trained on all."""
    negatives: float = 3.0
    """Negative questions for each positive one; 0 asks none. Of all questions almost all are negative."""
    negative_types: Literal["frequency", "uniform"] = "frequency"
    """Whether the types of negative questions are drawn by their frequency, or alike."""
    answers: Literal["spans", "probabilities"] = "spans"
    """Whether the teacher answers with its likeliest tags alone, as in the paper, or with the probabilities of tags,
    softened by the temperature."""

    def __post_init__(self) -> None:
        kd.Config.__post_init__(self)
        if not 0 < self.labelled <= 1:
            raise ValueError(f"--labelled must be above 0 to 1, a share of the sentences, got {self.labelled}")
        if not 0 <= self.negatives < float("inf"):
            raise ValueError(f"--negatives must be 0 or more, got {self.negatives}")


def check(view: View, config: Config) -> None:
    """Check that the data have spans to ask about, and that the student has a labelled sentence.

    Raises:
        ValueError: they have none.
    """
    if not isinstance(view, TaggedView):
        raise ValueError(
            f"universal-ner asks which words are spans of a type, but {view.name} has no tagged words; give sentences "
            "in columns, such as text/wnut17"
        )
    count = len(view.labelled_sentences)
    if not round(config.labelled * count):
        raise ValueError(
            f"--labelled {config.labelled} of {count} sentences is none; raise it, or label more sentences"
        )


def student_view(view: View, config: Config, seed: int) -> TaggedView:
    """The data with the labels that the student sees, those of random sentences.

    Args:
        view: the data with all labels.
        config: the share of the sentences.
        seed: seed of the draw.

    Raises:
        ValueError: as of :func:`check`.
    """
    check(view, config)
    assert isinstance(view, TaggedView)
    every = view.labelled_sentences
    order = torch.randperm(len(every), generator=generator(seed, "kd", "labelled sentences"))
    chosen = every[order[: round(config.labelled * len(every))]]
    return TaggedView(view.sentences, view.device, chosen.sort().values)


def objective(context: Context, config: Config) -> Objective:
    """Distillation and cross-entropy on labels, on questions that are drawn by their answers.

    Raises:
        ValueError: the data have no tagged words, no sentence is labelled, or the teacher finds no span.
    """
    view = student_view(context.data, config, context.seed)
    divergence = KD(config.temperature)

    def distillation(batch: Batch) -> Tensor:
        student, teacher = batch.student.logits, batch.teacher.logits
        if config.answers == "spans":
            value = F.cross_entropy(student, teacher.argmax(dim=1), reduction="none")
        else:
            value = divergence(student, teacher)
        word: Tensor = batch.inputs["attention_mask"].view(-1)
        return value * word * (len(word) / word.sum())

    both = kd.with_labels(context, config, distillation)

    def loss(batch: Batch) -> Tensor:
        return both(replace(batch, y=view.known(batch.index).to(view.device)))

    return Objective(loss=loss, sample=Draws(context, view, config).sample)


class Draws:
    """Draws of positive and negative questions.

    Args:
        context: the teacher's answers, and the source of the draws.
        view: the labels that the student sees, which replace the answers.
        config: the number of negative questions and the choice of their types.

    Raises:
        ValueError: no answer has a span.
    """

    def __init__(self, context: Context, view: TaggedView, config: Config):
        known = view.known(view.train).view(len(view.train), -1)
        answers = context.teacher_outputs().logits.argmax(dim=1).cpu().view(known.shape)
        tags = torch.where((known >= 0).any(dim=1, keepdim=True), known, answers)
        present = (tags > 0).any(dim=1)
        if not bool(present.any()):
            raise ValueError(
                f"neither the teacher nor the labels find a span in the training sentences of {view.name}; train the "
                "teacher longer, or raise --labelled"
            )
        by_frequency = config.negative_types == "frequency"
        weight = negative_weights(present.view(-1, len(view.sentences.types)), by_frequency=by_frequency).flatten()
        self.positive, self.negative = present.nonzero().view(-1), weight.nonzero().view(-1)
        self.weight = weight[self.negative]
        self.share = 1 / (1 + config.negatives) if len(self.negative) else 1.0
        self.draws = context.generator("universal-ner")

    def sample(self, size: int) -> Tensor:
        """Places among the training questions of those of the next step."""
        count = max(1, round(size * self.share))
        found = self.positive[torch.randint(len(self.positive), (count,), generator=self.draws)]
        if count == size:
            return found
        negative = torch.multinomial(self.weight, size - count, replacement=True, generator=self.draws)
        return torch.cat([found, self.negative[negative]])
