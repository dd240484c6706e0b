from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from graphdistill.core.networks.transformer import SelfAttention, Transformer, TransformerBlock
from graphdistill.core.randomness import generator, scoped


def net(vocabulary: int = 9, length: int = 6, outputs: int = 3, **options: Any) -> Transformer:
    with scoped(0, "weights"):
        return Transformer(vocabulary, length, outputs, **{"width": 8, "heads": 2, **options})


def naive_attention(layer: SelfAttention, x: Tensor, mask: Tensor, causal: bool) -> Tensor:
    """Attention of one text as a loop over heads and tokens."""
    length, width = x.shape
    size = width // layer.heads
    q, k, v = layer.qkv(x).split(width, dim=1)
    out = torch.zeros(length, width)
    for head in range(layer.heads):
        part = slice(head * size, (head + 1) * size)
        for i in range(length):
            seen = [j for j in range(length) if mask[j] and not (causal and j > i)]
            weights = [math.exp(float(q[i, part] @ k[j, part]) / math.sqrt(size)) for j in seen]
            for j, weight in zip(seen, weights, strict=True):
                out[i, part] += weight / sum(weights) * v[j, part]
    whole: Tensor = layer.out(out)
    return whole


@settings(max_examples=10)
@given(st.integers(1, 6), st.integers(1, 3), st.booleans(), st.integers(0, 99))
@torch.no_grad()
def test_attention_is_that_of_a_loop(length: int, heads: int, causal: bool, seed: int) -> None:
    draw = generator(seed, "x")
    with scoped(seed, "weights"):
        layer = SelfAttention(4 * heads, heads)
    x = torch.randn(1, length, 4 * heads, generator=draw)
    mask = torch.arange(length)[None] < torch.randint(1, length + 1, (1, 1), generator=draw)
    got = layer(x, None if causal else mask, causal)[0]
    want = naive_attention(layer, x[0], mask[0] | causal, causal)
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-6)


def as_torchs(block: TransformerBlock, width: int, heads: int) -> nn.TransformerEncoderLayer:
    """PyTorch's own layer with the same weights."""
    layer = nn.TransformerEncoderLayer(
        width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    first, second = block.mlp[0], block.mlp[2]
    pairs = {
        layer.self_attn.out_proj: block.attention.out,
        layer.norm1: block.attention_norm,
        layer.norm2: block.mlp_norm,
        layer.linear1: first,
        layer.linear2: second,
    }
    for theirs, ours in pairs.items():
        theirs.load_state_dict(ours.state_dict())
    layer.self_attn.load_state_dict(
        {
            **layer.self_attn.state_dict(),
            "in_proj_weight": block.attention.qkv.weight,
            "in_proj_bias": block.attention.qkv.bias,
        }
    )
    return layer


@pytest.mark.parametrize("causal", [False, True])
def test_a_block_is_pytorchs(causal: bool) -> None:
    with scoped(0, "weights"):
        block, x = TransformerBlock(12, 3), torch.randn(4, 5, 12)
        theirs = as_torchs(block, 12, 3)
    mask = torch.arange(5) < torch.tensor([5, 3, 1, 4])[:, None]
    if causal:
        want = theirs(x, src_mask=nn.Transformer.generate_square_subsequent_mask(5), is_causal=True)
        torch.testing.assert_close(block(x, causal=True), want)
        return
    got, want = block(x, mask), theirs(x, src_key_padding_mask=~mask)
    torch.testing.assert_close(got[mask], want[mask])


@pytest.mark.parametrize("causal", [False, True])
def test_padding_changes_nothing(causal: bool) -> None:
    model = net(causal=causal).eval()
    short = torch.tensor([[3, 5, 1], [4, 4, 8]])
    padded = torch.cat([short, torch.zeros(2, 3, dtype=torch.long)], dim=1)
    want, got = model(short), model(padded)
    torch.testing.assert_close(got[:, :3] if causal else got, want)
    assert not torch.allclose(model(short[:, :2])[:, -1], want[:, -1])


@settings(max_examples=15)
@given(st.integers(1, 5), st.integers(1, 8))
def test_later_tokens_change_no_earlier_logits(place: int, token: int) -> None:
    model = net(outputs=9, causal=True).eval()
    tokens = torch.tensor([[1, 2, 3, 4, 5, 6]])
    other = tokens.clone()
    other[0, place:] = token
    before, after = model(tokens), model(other)
    assert torch.equal(before[:, :place], after[:, :place])
    assert bool((tokens == other).all()) == torch.equal(before, after)


def test_the_order_of_words_counts() -> None:
    model = net().eval()
    assert not torch.allclose(model(torch.tensor([[3, 5, 1]])), model(torch.tensor([[5, 3, 1]])))


def test_hooks_see_blocks_queries_and_the_head() -> None:
    model, seen = net(depth=3), dict[str, Any]()
    for path in ("blocks.0", "blocks.2.attention.qkv", "head"):
        model.get_submodule(path).register_forward_hook(lambda m, i, o, path=path: seen.update({path: (i[0], o)}))
    logits = model(torch.tensor([[3, 5, 1, 0]]))
    assert seen["blocks.0"][1].shape == (1, 4, 8)
    assert seen["blocks.2.attention.qkv"][1].shape == (1, 4, 24)
    assert seen["head"][1] is logits
    torch.testing.assert_close(logits, seen["head"][0] @ model.head.weight.T + model.head.bias)


def test_dropout_is_of_training_only() -> None:
    model, tokens = net(dropout=0.5), torch.tensor([[3, 5, 1, 2]])
    assert not torch.equal(model(tokens), model(tokens))
    assert torch.equal(model.eval()(tokens), model(tokens))


def test_a_language_model_learns_a_cycle() -> None:
    model = net(5, 8, 5, causal=True)
    tokens = 1 + (torch.arange(8) + torch.arange(4)[:, None]) % 4
    following = 1 + (torch.arange(8) + 1 + torch.arange(4)[:, None]) % 4
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(tokens).flatten(0, 1), following.flatten()).backward()
        optimizer.step()
    assert torch.equal(model(tokens).argmax(dim=-1), following)
    assert float(model.embedding.weight[0].detach().abs().max()) == 0


def test_sizes_that_cannot_be_used() -> None:
    with pytest.raises(ValueError, match="width must be a multiple of heads, got width 10 and 4 heads"):
        net(width=10, heads=4)
    with pytest.raises(ValueError, match="depth must be 1 or more, got 0"):
        net(depth=0)
    with pytest.raises(ValueError, match="the texts have 7 tokens, but the network was made for length 6"):
        net()(torch.ones(1, 7, dtype=torch.long))
