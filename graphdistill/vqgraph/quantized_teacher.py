"""The published tokenizer in the teacher's forward pass, which lowers its accuracy; for comparison."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphdistill.core.randomness import generator
from graphdistill.kd.nodes.teachers import replaced
from graphdistill.vqgraph.tokenizer import Tokenizer


class QuantizedTeacher(nn.Module):
    """A teacher whose hidden layer is quantized by a codebook, trained jointly (VQGraph: Yang et al., ICLR 2024).

    Args:
        teacher: maps ``(x, edge_index)`` to logits.
        layer: path of the hidden layer.
        tokenizer: tokenizer with codes of that layer's width, which replace its output.
        seed: seed of k-means and revivals.

    Attributes:
        penalty: the tokenizer's loss in the last forward pass while training.
    """

    def __init__(self, teacher: nn.Module, layer: str, tokenizer: Tokenizer, seed: int = 0):
        super().__init__()
        self.teacher, self.layer, self.tokenizer = teacher, layer, tokenizer
        self.draws, self.penalty = generator(seed, "in path"), torch.zeros(())

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Logits from the quantized hidden layer; in training the codebook is updated."""

        def change(h: Tensor) -> Tensor:
            if not self.training:
                return self.tokenizer.quantise(h)[1]
            if not bool(self.tokenizer.codebook.codes.any()):
                self.tokenizer.start(h, self.draws)
            self.penalty, z, code = self.tokenizer.loss(h, x, edge_index)
            quantised = self.tokenizer.quantise(h)[1]
            self.tokenizer.codebook.update(z, code, self.draws)
            return quantised

        with replaced(self.teacher, self.layer, change):
            logits: Tensor = self.teacher(x, edge_index)
        return logits
