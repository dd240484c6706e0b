"""A small pre-norm transformer on token ids: a classifier of texts, or a language model.

Shape legend: n texts, L tokens of a text, D width, H heads, V tokens of the vocabulary, C classes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SelfAttention(nn.Module):
    r"""Multi-head self-attention: :math:`\mathrm{softmax}(Q K^\top / \sqrt{D / H}) V` and a linear layer.

    Vaswani et al., NeurIPS 2017, https://arxiv.org/abs/1706.03762. The output of ``qkv`` holds queries, keys and values
    one after the other, ``[n, L, 3 D]``, the heads side by side in each.

    Args:
        width: width D of tokens; a multiple of ``heads``.
        heads: number H of heads.

    Example:
        >>> SelfAttention(8, 2)(torch.rand(3, 5, 8)).shape
        torch.Size([3, 5, 8])
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        if heads < 1 or width % heads:
            raise ValueError(f"width must be a multiple of heads, got width {width} and {heads} heads")
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.heads = heads

    def forward(self, x: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        """Tokens ``[n, L, D]`` from tokens ``[n, L, D]``.

        Args:
            x: tokens.
            mask: tokens that may be attended to, boolean ``[n, L]``. (default: all)
            causal: let a token attend to itself and to earlier tokens only.
        """
        qkv: Tensor = self.qkv(x)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in qkv.chunk(3, dim=-1))
        allowed = None if mask is None else mask[:, None, None]
        attended = F.scaled_dot_product_attention(q, k, v, allowed, is_causal=causal)
        out: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return out


class TransformerBlock(nn.Module):
    r"""Pre-norm block of attention and a two-layer perceptron.

    .. math:: h = x + \mathrm{attention}(\mathrm{norm}(x)), \quad \mathrm{out} = h + \mathrm{mlp}(\mathrm{norm}(h))

    Xiong et al., ICML 2020, https://arxiv.org/abs/2002.04745: with the norms inside of the residual branches training
    needs no warm-up.

    Args:
        width: width D of tokens.
        heads: number of attention heads.
        dropout: probability at the output of both branches in training. (default: 0)
        ratio: width of the perceptron in units of the width of tokens. (default: 4)

    Example:
        >>> TransformerBlock(8, 2)(torch.rand(3, 5, 8)).shape
        torch.Size([3, 5, 8])
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0, ratio: int = 4):
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, ratio * width), nn.GELU(), nn.Linear(ratio * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        """Tokens ``[n, L, D]``; the arguments are those of :class:`SelfAttention`."""
        x = x + self.dropout(self.attention(self.attention_norm(x), mask, causal))
        out: Tensor = x + self.dropout(self.mlp(self.mlp_norm(x)))
        return out


class Transformer(nn.Module):
    """Token and position embeddings, pre-norm blocks, a norm, and a linear layer on the mean or on every token.

    A classifier takes the mean over the tokens of a text. With ``causal`` it is a language model: the logits of a
    position are those of the next token, and depend on the tokens up to it. Padding (id 0) at the end of a text changes
    no logits of its tokens.

    Args:
        vocabulary: number V of token ids, padding included.
        length: the most tokens L of a text.
        num_outputs: number of classes, or of token ids that a language model predicts.
        width: width D of all layers; a multiple of ``heads``. (default: 64)
        depth: number of blocks. (default: 2)
        heads: attention heads of a block. (default: 4)
        ratio: width of the perceptron of a block in units of ``width``. (default: 4)
        dropout: probability at the embeddings and at the output of each branch in training. (default: 0)
        causal: make a language model. (default: a classifier)

    Raises:
        ValueError: a number is below 1, or ``width`` is no multiple of ``heads``.

    Shapes:
        - **input:** token ids, long ``[n, L]``
        - **output:** logits ``[n, C]``, of a language model ``[n, L, V]``

    Example:
        >>> tokens = torch.tensor([[5, 3, 0, 0], [2, 4, 1, 6]])
        >>> Transformer(7, 4, 3)(tokens).shape, Transformer(7, 4, 7, causal=True)(tokens).shape
        (torch.Size([2, 3]), torch.Size([2, 4, 7]))
    """

    def __init__(
        self,
        vocabulary: int,
        length: int,
        num_outputs: int,
        *,
        width: int = 64,
        depth: int = 2,
        heads: int = 4,
        ratio: int = 4,
        dropout: float = 0.0,
        causal: bool = False,
    ):
        super().__init__()
        numbers = {"vocabulary": vocabulary, "length": length, "num_outputs": num_outputs, "width": width}
        for name, value in {**numbers, "depth": depth, "ratio": ratio}.items():
            if value < 1:
                raise ValueError(f"{name} must be 1 or more, got {value}")
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        self.positions = nn.Parameter(0.02 * torch.randn(length, width))
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, dropout, ratio) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, num_outputs)
        self.causal = causal
        nn.init.normal_(self.embedding.weight[1:].detach(), std=0.1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of texts as token ids ``[n, L]``, padded with 0.

        Raises:
            ValueError: the texts are longer than the position embeddings.
        """
        if tokens.shape[1] > len(self.positions):
            raise ValueError(
                f"the texts have {tokens.shape[1]} tokens, but the network was made for length {len(self.positions)}"
            )
        mask = tokens > 0
        x: Tensor = self.dropout(self.embedding(tokens) + self.positions[: tokens.shape[1]])
        for block in self.blocks:
            # Padding comes after all tokens, so a causal mask hides it from them.
            x = block(x, None if self.causal else mask, self.causal)
        x = self.norm(x)
        if not self.causal:
            x = x.where(mask[..., None], 0).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        out: Tensor = self.head(x)
        return out
