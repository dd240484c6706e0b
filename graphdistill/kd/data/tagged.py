"""Sentences with tagged words for distillation, as narrow questions: which words are a span of one type?

Shape legend: n sentences, T types, L words of the longest sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.data.datasets import Metric
from graphdistill.core.data.tagged import TaggedTextDataset
from graphdistill.core.networks.tagger import Tagger
from graphdistill.kd.data.view import Kind, Training, View
from graphdistill.kd.inputs import Inputs
from graphdistill.kd.outputs import Outputs


@dataclass(frozen=True)
class Questions:
    """All questions about sentences: number ``T i + t`` asks for the spans of type t in sentence i.

    Attributes:
        name, notes: as of the sentences.
        y: tags, long ``[T n, L + 1]``: 0 outside, 1 begin, 2 inside, -1 at padding. The last one is padding, so that no
            span reaches into the next row.
        train, valid, test: questions about the sentences of each split, long.
    """

    name: str
    notes: str
    y: Tensor
    train: Tensor
    valid: Tensor
    test: Tensor


class TaggedView(View):
    """Questions, each one type of spans in one sentence, whose rows of logits are the words.

    Args:
        data: the sentences.
        device: device of the networks. (default: the CPU)
        labelled: training sentences whose tags may be used, long. (default: all)
    """

    KIND: ClassVar[Kind] = "text"
    TRAINING = Training(steps=600, batch_size=64, lr=5e-3, weight_decay=1e-4, eval_every=100)
    CHUNK = 256
    data: Questions

    def __init__(self, data: TaggedTextDataset, device: torch.device | str = "cpu", labelled: Tensor | None = None):
        super().__init__(data, device, labelled)
        self.sentences, self.labelled_sentences = data, self.labelled
        types = len(data.types)
        asked = data.y[:, None] - 2 * torch.arange(types)[:, None]  # [n, T, L]: the tags of type t are 1 and 2
        y = torch.where(data.y[:, None] < 0, -1, torch.where((asked == 1) | (asked == 2), asked, 0))
        splits = {split: self.questions(index) for split, index in data.splits.items()}
        questions = Questions(data.name, data.notes, F.pad(y.flatten(0, 1), (0, 1), value=-1), **splits)
        super().__init__(questions, device, self.questions(self.labelled))

    def questions(self, sentences: Tensor) -> Tensor:
        """All questions about sentences, long ``[T m]``."""
        count = len(self.sentences.types)
        return (count * sentences[:, None] + torch.arange(count)).flatten()

    @property
    def metric(self) -> Metric:
        """F1 of spans."""
        return "f1"

    @property
    def num_classes(self) -> int:
        """Outside, begin and inside."""
        return 3

    def inputs(self, index: Tensor) -> Inputs:
        """Characters of the words, the type asked for, ids of the words, and a mask that is 0 at padding."""
        count = len(self.sentences.types)
        sentence, types = (index.cpu() // count), (index.cpu() % count).to(self.device)
        characters = F.pad(self.sentences.characters[sentence], (0, 0, 0, 1)).to(self.device)
        made = {
            "tokens": lambda: F.pad(self.sentences.tokens[sentence], (0, 1)).to(self.device),
            "attention_mask": lambda: (characters[..., 0] > 0).long(),
        }
        return Inputs("characters", {"characters": characters, "types": types}, made)

    def run(
        self, module: nn.Module, index: Tensor, layers: Sequence[str] = (), inputs: Inputs | None = None
    ) -> Outputs:
        """Outputs of a network on questions, in its present mode; the logits of padding are 0."""
        given = self.inputs(index) if inputs is None else inputs
        found = super().run(module, index, layers, given)
        return found._replace(logits=found.logits.where(given["attention_mask"].view(-1, 1) > 0, 0))


def _tagger(width: int, depth: int, dropout: float, view: TaggedView) -> nn.Module:
    return Tagger(len(view.sentences.types), view.rows_per_entry, width=width, depth=depth, dropout=dropout)


TaggedView.TEACHERS = {"Tagger": partial(_tagger, 64, 1, 0.3)}
TaggedView.STUDENTS = {"Tagger-16": partial(_tagger, 16, 1, 0.2)}
