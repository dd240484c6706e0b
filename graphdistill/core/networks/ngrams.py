"""A bag of uni- and bigrams: the text classifier that is deployed where a transformer is too slow."""

from __future__ import annotations

import torch
from torch import Tensor, nn

MIX = 2_654_435_761
"""Multiplicative hash of a token: the odd number next to 2^32 divided by the golden ratio (Knuth, vol. 3, 6.4)."""
SCALE = 16
"""Factor of the embeddings. A step of Adam is about as large for every parameter, but a row of a rare word takes few of
them; with the factor rows and the linear layer learn at one learning rate, that of the transformer."""


class NGrams(nn.Module):
    """Mean of the embeddings of a text's tokens and of its pairs of adjacent tokens, and a linear layer.

    Joulin et al., EACL 2017, https://arxiv.org/abs/1607.01759. Each token has a row of its own, pairs share hashed
    ones. A text costs one look-up and a sum per token and pair, and no product but that of the last layer.

    Args:
        vocabulary: number of token ids, padding included.
        num_classes: width of the output.
        width: width of the embeddings. (default: 32)
        buckets: rows that hashed pairs share; 0 leaves pairs out. (default: 16384)

    Raises:
        ValueError: a number is below its least value.

    Shapes:
        - **input:** token ids, long ``[n, L]``, padded with 0
        - **output:** logits ``[n, C]``

    Example:
        >>> NGrams(7, 3)(torch.tensor([[5, 3, 0, 0], [2, 4, 1, 6]])).shape
        torch.Size([2, 3])
    """

    def __init__(self, vocabulary: int, num_classes: int, *, width: int = 32, buckets: int = 2**14):
        super().__init__()
        for name, value, least in (
            ("vocabulary", vocabulary, 1),
            ("num_classes", num_classes, 1),
            ("width", width, 1),
            ("buckets", buckets, 0),
        ):
            if value < least:
                raise ValueError(f"{name} must be {least} or more, got {value}")
        self.bag = nn.EmbeddingBag(vocabulary + buckets, width, mode="mean", padding_idx=0)
        self.head = nn.Linear(width, num_classes)
        self.vocabulary = vocabulary
        self.buckets = buckets
        nn.init.normal_(self.bag.weight[1:].detach(), std=0.1 / SCALE)

    def rows(self, tokens: Tensor) -> Tensor:
        """Rows of the embedding that a text is the mean of, long ``[n, 2 L - 1]``; 0 for padding."""
        if not self.buckets:
            return tokens
        first, second = tokens[:, :-1], tokens[:, 1:]
        # 32 bits of the product, as ids alone would put frequent pairs of small ids into the same buckets.
        bucket = ((first * MIX + second) * MIX % 2**32) * self.buckets >> 32
        return torch.cat([tokens, torch.where((first > 0) & (second > 0), self.vocabulary + bucket, 0)], dim=1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits ``[n, C]`` of texts as token ids ``[n, L]``, padded with 0."""
        out: Tensor = self.head(SCALE * self.bag(self.rows(tokens)))
        return out
