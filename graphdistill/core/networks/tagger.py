"""A small transformer that reads words as characters, and tags those that are part of a span of the type asked for.

Shape legend: n questions, L words of a sentence, K characters of a word, D width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.networks.ngrams import MIX, SCALE
from graphdistill.core.networks.transformer import TransformerBlock

BEGIN, END = 2, 3
"""Code points that mark both ends of a word; no text has them."""


class Tagger(nn.Module):
    """Words as bags of hashed trigrams with their neighbours, pre-norm blocks, and a linear layer for each type.

    A word is the mean of the embeddings of its trigrams in lower case, of itself as a whole, and of its shape, in which
    each run of capital letters, other letters, digits or other characters is one sign; so that words that no training
    sentence has are not all the same (Bojanowski et al., TACL 2017, https://arxiv.org/abs/1607.04606).

    Args:
        types: number of types that can be asked for.
        length: the most words L of a sentence.
        num_tags: width of the output; outside, begin and inside. (default: 3)
        width: width D of all layers; a multiple of ``heads``. (default: 64)
        depth: number of blocks. (default: 2)
        heads: attention heads of a block. (default: 4)
        dropout: probability at the embeddings and at the output of each branch in training. (default: 0)
        buckets: rows that the hashed parts of words share. (default: 16384)

    Raises:
        ValueError: a number is below 1, or ``width`` is no multiple of ``heads``.

    Shapes:
        - **input:** code points of characters, int ``[n, L, K]``, padded with 0, and types, long ``[n]``
        - **output:** logits ``[n, L, 3]``

    Example:
        >>> from graphdistill.core.data.tagged import characters_of
        >>> characters = characters_of([["Ada", "sleeps"], ["Paris"]])
        >>> Tagger(4, 2)(characters, torch.tensor([3, 0])).shape
        torch.Size([2, 2, 3])
    """

    def __init__(
        self,
        types: int,
        length: int,
        num_tags: int = 3,
        *,
        width: int = 64,
        depth: int = 2,
        heads: int = 4,
        dropout: float = 0.0,
        buckets: int = 2**14,
    ):
        super().__init__()
        numbers = {"types": types, "length": length, "num_tags": num_tags, "width": width, "depth": depth}
        for name, value in {**numbers, "buckets": buckets}.items():
            if value < 1:
                raise ValueError(f"{name} must be 1 or more, got {value}")
        self.bag = nn.EmbeddingBag(1 + buckets, width, mode="mean", padding_idx=0)
        self.neighbours = nn.Conv1d(width, width, 3, padding=1)
        self.positions = nn.Parameter(0.02 * torch.randn(length, width))
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, types * num_tags)
        self.num_types = types
        nn.init.normal_(self.bag.weight[1:].detach(), std=0.1 / SCALE)

    def forward(self, characters: Tensor, types: Tensor) -> Tensor:
        """Logits of the words of sentences ``[n, L, K]``, each with a type that is asked for.

        Raises:
            ValueError: the network was made for shorter sentences, or does not know a type.
        """
        if characters.shape[1] > len(self.positions):
            raise ValueError(
                f"the sentences have {characters.shape[1]} words, but the network was made for length "
                f"{len(self.positions)}"
            )
        if int(types.max()) >= self.num_types:
            raise ValueError(
                f"the network was made for {self.num_types} types, but is asked for type {int(types.max())}, counted "
                "from 0; build and train it with all types of the data"
            )
        mask = characters[..., 0] > 0
        rows = word_parts(characters, self.bag.num_embeddings - 1)
        words = self.dropout(SCALE * self.bag(rows.flatten(0, 1)).view(*mask.shape, -1))
        x: Tensor = self.neighbours(words.transpose(1, 2)).transpose(1, 2) + self.positions[: mask.shape[1]]
        for block in self.blocks:
            x = block(x, mask)
        logits: Tensor = self.head(self.norm(x)).unflatten(-1, (self.num_types, -1))
        return logits[torch.arange(len(types)), :, types]


def word_parts(characters: Tensor, buckets: int) -> Tensor:
    """Rows of the trigrams, of the whole and of the shape of each word, hashed from 1; 0 for none.

    Args:
        characters: code points, int ``[n, L, K]``, padded with 0.
        buckets: number of rows.

    Returns:
        Long ``[n, L, K + 2]``.

    Example:
        >>> from graphdistill.core.data.tagged import characters_of
        >>> rows = word_parts(characters_of([["Oslo", "oslo", "Rome"]]), 2**14)[0]
        >>> ((rows[0] > 0) & (rows[0] == rows[1])).nonzero().view(-1).tolist()  # not the shape
        [0, 1, 2, 3, 24]
        >>> bool(rows[0, -1] == rows[2, -1])
        True
    """
    code = characters.long()
    there, upper = code > 0, (code >= 65) & (code <= 90)
    low = torch.where(upper, code + 32, code)
    lower, digit = (low >= 97) & (low <= 122) & ~upper, (code >= 48) & (code <= 57)
    width = 1 + code.shape[-1]
    place = torch.arange(1, width, device=code.device)
    ends = F.pad(low, (1, 1))
    ends[..., 0] = BEGIN
    ends.scatter_(-1, 1 + there.sum(dim=-1, keepdim=True), END)
    trigrams = (ends[..., :-2] * MIX + ends[..., 1:-1]) * MIX % 2**32 + ends[..., 2:] + 1
    whole = (there * _mixed(low * width + place)).sum(dim=-1, keepdim=True) + 2
    sign = torch.where(upper, 1, torch.where(lower, 2, torch.where(digit, 3, 4 + code)))
    run = there & (sign != F.pad(sign, (1, 0))[..., :-1])
    rank = run.cumsum(dim=-1)
    shape = (run * _mixed(sign * width + rank)).sum(dim=-1, keepdim=True) + 3
    hashed = torch.cat([trigrams, whole, shape], dim=-1) * MIX % 2**32
    known = torch.cat([there, there[..., :1], there[..., :1]], dim=-1)
    return torch.where(known, 1 + (hashed * buckets >> 32), 0)


def _mixed(key: Tensor) -> Tensor:
    """Hash of 32 bits; sums of it tell orders apart, as it is not linear in the keys."""
    half = key * MIX % 2**32
    return (half ^ half >> 15) * MIX % 2**32
