"""Texts for distillation: a transformer as teacher, a bag of n-grams or a narrow transformer as student."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn

from graphdistill.core.data.datasets import TextDataset
from graphdistill.core.networks.ngrams import NGrams
from graphdistill.core.networks.transformer import Transformer
from graphdistill.kd.data.view import Kind, Training, View
from graphdistill.kd.inputs import Inputs


class TextView(View):
    """Labelled texts as token ids ``[n, L]``, which networks get as ``tokens`` or ``input_ids``."""

    KIND: ClassVar[Kind] = "text"
    TRAINING = Training(steps=300, batch_size=64, lr=3e-3, weight_decay=1e-4, eval_every=25)
    CHUNK = 256
    data: TextDataset

    @property
    def num_classes(self) -> int:
        """Number of classes, of a language model that of token ids."""
        return self.data.num_outputs

    def inputs(self, index: Tensor) -> Inputs:
        """Token ids of texts, and a mask that is 0 at padding."""
        tokens = self.data.tokens[index.cpu()].to(self.device)
        given = {"tokens": tokens, "input_ids": tokens}
        return Inputs("tokens", given, {"attention_mask": lambda: (tokens > 0).long()})


class LanguageModelView(TextView):
    """Windows of a text, whose rows of logits are positions and whose labels are the next tokens."""

    TRAINING = Training(steps=2000, batch_size=32, lr=5e-3, weight_decay=1e-4, eval_every=250)
    CHUNK = 128


def text_view(data: TextDataset, device: torch.device | str = "cpu", labelled: Tensor | None = None) -> TextView:
    """The view of texts with classes, or of a language model's."""
    return (LanguageModelView if data.language_model else TextView)(data, device, labelled)


def _transformer(width: int, depth: int, dropout: float, view: TextView) -> nn.Module:
    data = view.data
    shape = len(data.vocabulary), data.tokens.shape[1], data.num_outputs
    return Transformer(*shape, width=width, depth=depth, dropout=dropout, causal=data.language_model)


def _ngrams(view: TextView) -> nn.Module:
    return NGrams(len(view.data.vocabulary), view.num_classes)


TextView.TEACHERS = {"Transformer": partial(_transformer, 64, 2, 0.2)}
TextView.STUDENTS = {"NGrams": _ngrams, "Transformer-16": partial(_transformer, 16, 1, 0.2)}
LanguageModelView.TEACHERS = {"Transformer": partial(_transformer, 64, 2, 0.0)}
LanguageModelView.STUDENTS = {"Transformer-32": partial(_transformer, 32, 1, 0.0)}
