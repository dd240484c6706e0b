from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.randomness import scoped
from graphdistill.vqgraph.config import TokenizerConfig
from graphdistill.vqgraph.edges import Link, edge_loss
from graphdistill.vqgraph.tokenizer import Tokenizer, fit_tokenizer
from tests.kd.nodes.samples import relative, rows
from tests.reference import edge_loss_naive

LINKS = get_args(Link)
NO_EDGES = torch.empty(2, 0, dtype=torch.long)

Case = tuple[Tensor, Tensor, Tensor, int]


def dyadic(x: Tensor) -> Tensor:
    """Rounded, so that products are exact: the least of the dense matrix's entries is then as often least as it is."""
    return (x * 1024).round() / 1024


def derived(loss: Callable[[Tensor], Tensor], values: Tensor) -> tuple[Tensor, Tensor]:
    """A loss of rows and its gradient."""
    leaf = values.clone().requires_grad_()
    value = loss(leaf)
    value.backward()
    assert leaf.grad is not None
    return value.detach(), leaf.grad


@st.composite
def graphs(draw: st.DrawFn) -> Case:
    """Nodes with codes, some of these unused, and edges, directed or not, with loops; isolated nodes are common."""
    nodes, num_codes = draw(st.integers(1, 8)), draw(st.integers(1, 6))
    code = torch.tensor(draw(st.lists(st.integers(0, num_codes - 1), min_size=nodes, max_size=nodes)))
    end = st.integers(0, nodes - 1)
    edges = torch.tensor(sorted(draw(st.sets(st.tuples(end, end), max_size=12))), dtype=torch.long)
    codes = dyadic(rows(num_codes, draw(st.integers(1, 3)), draw(st.integers(0, 1000)), torch.double))
    return codes[code], code, edges.view(-1, 2).T, num_codes


@pytest.mark.parametrize("link", LINKS)
@settings(deadline=None)
@given(case=graphs())
def test_value_and_gradient_of_each_row_are_those_of_the_dense_matrix(link: Link, case: Case) -> None:
    values, code, edges, num_codes = case
    value, gradient = derived(lambda x: edge_loss(x, code, edges, num_codes=num_codes, link=link), values)
    want, expected = derived(lambda x: edge_loss_naive(x, edges, link), values)
    torch.testing.assert_close(value, want, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(gradient, expected, rtol=1e-8, atol=1e-10)


def assigned(cora: NodeDataset, how: str) -> tuple[Tensor, Tensor]:
    """Rows and codes of cora's nodes: at random, or what a tokenizer that was trained on it makes of them."""
    if how == "random":
        code = torch.randint(64, (len(cora.x),), generator=torch.Generator().manual_seed(0))
        return rows(64, 16)[code], code
    with scoped(0, "weights"):
        tokenizer = Tokenizer(16, 16, num_codes=64, dim=32)
    hidden = cora.x @ rows(cora.x.shape[1], 16)
    code = fit_tokenizer(tokenizer, hidden, hidden, cora.edge_index, TokenizerConfig(epochs=3))
    return tokenizer.edges(tokenizer.codebook.codes[code]).detach(), code


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("how", ["random", "tokenizer"])
def test_on_cora_it_is_the_dense_loss(cora: NodeDataset, how: str, link: Link) -> None:
    values, code = assigned(cora, how)
    values, edges = dyadic(values), cora.edge_index
    want, expected = derived(lambda x: edge_loss_naive(x, edges, link), values.double())
    for dtype in (torch.float32, torch.float64):
        value, gradient = derived(lambda x: edge_loss(x, code, edges, num_codes=64, link=link), values.to(dtype))
        assert relative(value, want) < 1e-5
        assert relative(gradient, expected) < 1e-5


@pytest.mark.parametrize("link", LINKS)
def test_isolated_nodes_count_as_pairs_without_an_edge(link: Link) -> None:
    values = dyadic(rows(2, 3))[torch.tensor([0, 1, 0, 0])]
    edges = torch.tensor([[0, 1], [1, 0]])
    got = edge_loss(values, torch.tensor([0, 3, 0, 0]), edges, num_codes=5, link=link)
    torch.testing.assert_close(got, edge_loss_naive(values, edges, link))


@pytest.mark.parametrize("link", LINKS)
def test_without_edges_all_similarity_is_wrong(link: Link) -> None:
    values, code = rows(3, 2), torch.arange(3)
    got = edge_loss(values, code, NO_EDGES, num_codes=3, link=link)
    torch.testing.assert_close(got, edge_loss_naive(values, NO_EDGES, link))


def test_equal_similarities_have_nothing_to_rescale(cora: NodeDataset) -> None:
    """All nodes have one code; what is left between its similarities is rounding, which must not be blown up."""
    nodes, degree = len(cora.x), cora.edge_index.shape[1]
    values, code = rows(1, 33).expand(nodes, -1), torch.zeros(nodes, dtype=torch.long)
    value, gradient = derived(
        lambda x: edge_loss(x, code, cora.edge_index, num_codes=3, link="minmax"), values.contiguous()
    )
    assert float(value) == pytest.approx(degree / nodes**2, rel=1e-4)
    assert float(gradient.abs().max()) < 1


def test_a_hundred_thousand_nodes_need_no_matrix_of_pairs() -> None:
    nodes = 100_000
    code = torch.randint(16, (nodes,), generator=torch.Generator().manual_seed(0))
    path = torch.stack([torch.arange(nodes - 1), torch.arange(1, nodes)])
    value = edge_loss(rows(16, 4)[code], code, torch.cat([path, path.flip(0)], dim=1), num_codes=16)
    assert 0 < float(value) < 1


@pytest.mark.bits
def test_the_same_bits_twice_and_close_on_more_threads(cora: NodeDataset) -> None:
    values, code = assigned(cora, "random")
    threads, outs = torch.get_num_threads(), []
    try:
        for number in (1, 1, 2):
            torch.set_num_threads(number)
            outs.append(derived(lambda x: edge_loss(x, code, cora.edge_index, num_codes=64), values))
    finally:
        torch.set_num_threads(threads)
    first, again, more = outs
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    for a, b in zip(first, more, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-10)


def test_second_derivatives_exist() -> None:
    code, edges = torch.tensor([0, 1, 0]), torch.tensor([[0, 1], [1, 0]])
    codes = rows(2, 2, dtype=torch.double).requires_grad_()

    def loss(codes: Tensor) -> Tensor:
        return edge_loss(codes[code], code, edges, num_codes=2)

    assert torch.autograd.gradcheck(loss, (codes,))
    assert torch.autograd.gradgradcheck(loss, (codes,))


pair, pair_codes = torch.ones(2, 1), torch.tensor([0, 1])
bad_calls: dict[str, Callable[[], object]] = {
    r"link must be one of sigmoid, minmax, got 'relu'": lambda: edge_loss(
        pair, pair_codes, NO_EDGES, num_codes=2, link="relu"
    ),
    r"must be from 0 to 0, got 1": lambda: edge_loss(pair, pair_codes, NO_EDGES, num_codes=1),
    r"index must be from 0 to 1, got 2": lambda: edge_loss(pair, pair_codes, torch.tensor([[2], [0]]), num_codes=2),
    r"keys must be from 0 to 1, got 2": lambda: edge_loss(pair, pair_codes, torch.tensor([[0], [2]]), num_codes=2),
}


@pytest.mark.parametrize("message", bad_calls)
def test_errors_name_the_argument_and_the_value(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bad_calls[message]()
