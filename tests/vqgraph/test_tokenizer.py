from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.randomness import generator, scoped
from graphdistill.kd.nodes.config import TeacherConfig
from graphdistill.kd.nodes.teachers import build_teacher, fit_teacher, teacher_outputs
from graphdistill.vqgraph.codebook import Distance
from graphdistill.vqgraph.config import TokenizerConfig
from graphdistill.vqgraph.edges import Link
from graphdistill.vqgraph.tokenizer import Tokenizer, fit_tokenizer
from tests.kd.nodes.samples import rows, small
from tests.reference import edge_loss_naive, nearest_code_naive

DATA = small()
HIDDEN = DATA.x @ rows(9, 7)


def tokenizer(num_codes: int = 8, **options: object) -> Tokenizer:
    with scoped(0, "weights"):
        return Tokenizer(7, 9, num_codes, dim=6, **options)


def fit(one: Tokenizer, data: NodeDataset = DATA, h: Tensor = HIDDEN, seed: int = 0, **options: Any) -> Tensor:
    return fit_tokenizer(one, h, data.x, data.edge_index, TokenizerConfig(**{"epochs": 5, **options}), seed=seed)


def same(one: Tokenizer, other: Tokenizer) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


@pytest.mark.parametrize("link", get_args(Link))
@pytest.mark.parametrize("metric", get_args(Distance))
def test_loss_and_gradients_are_those_of_the_dense_formula(metric: Distance, link: Link) -> None:
    one = tokenizer(5, metric=metric, link=link, edges=0.7, commitment=0.3)
    one.start(HIDDEN, generator(0))
    one.double()
    h, x = HIDDEN.double(), DATA.x.double()
    value = one.loss(h, x, DATA.edge_index)[0]
    ours = torch.autograd.grad(value, list(one.parameters()))

    z = (h - one.mean) / one.deviation @ one.project.weight.T
    z = z / z.norm(dim=1, keepdim=True) if metric == "cosine" else z
    chosen = one.codebook.codes[nearest_code_naive(z, one.codebook.codes, "euclidean")[0]]
    q = chosen + (z - z.detach())  # the code's value, the row's gradient
    want = (q @ one.features.weight.T + one.features.bias - x).square().mean()
    want = want + 0.7 * edge_loss_naive(q @ one.edges.weight.T + one.edges.bias, DATA.edge_index, link)
    want = want + 0.3 * (z - chosen).square().sum(dim=1).mean()
    expected = torch.autograd.grad(want, list(one.parameters()))
    torch.testing.assert_close(value, want)
    for our, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(our, other, rtol=1e-7, atol=1e-9)


def test_hidden_rows_are_centred_and_scaled_and_dead_channels_left_alone() -> None:
    h = torch.cat([100 + 5 * HIDDEN, torch.zeros(len(HIDDEN), 1)], dim=1)
    one = Tokenizer(h.shape[1], 4, num_codes=3, dim=4)
    one.start(h, generator(0))
    torch.testing.assert_close(one.mean, h.mean(dim=0))
    torch.testing.assert_close(one.deviation, h.std(dim=0, correction=0).index_fill(0, torch.tensor([-1]), 1.0))
    assert float(one.encode(h).mean(dim=0).abs().max().detach()) < 1e-4


def test_gradients_pass_straight_through_the_codes() -> None:
    one = tokenizer()
    fit(one)
    z, q, code = one.quantise(HIDDEN)
    assert torch.equal(q, one.codebook.codes[code])
    assert torch.equal(code, one(HIDDEN))
    factor = rows(*q.shape, 5)
    (got,) = torch.autograd.grad((q * factor).sum(), one.project.weight, retain_graph=True)
    (want,) = torch.autograd.grad((z * factor).sum(), one.project.weight)
    assert torch.equal(got, want)


def test_the_codebook_has_no_gradient_and_moves_nevertheless() -> None:
    one = tokenizer()
    fit(one, epochs=1)
    before = one.codebook.codes.clone()
    assert not any("codebook" in name for name, _ in one.named_parameters())
    fit(one, epochs=3)
    assert not torch.equal(one.codebook.codes, before)


@pytest.mark.parametrize("metric", get_args(Distance))
@pytest.mark.parametrize("link", get_args(Link))
@pytest.mark.parametrize("batch_size", [None, 16])
def test_training_lowers_the_loss(batch_size: int | None, link: Link, metric: Distance) -> None:
    one, losses = tokenizer(metric=metric, link=link), []
    for epochs in (1, 60 if batch_size is None else 20):
        fit(one, epochs=epochs, batch_size=batch_size)
        losses.append(float(one.loss(HIDDEN, DATA.x, DATA.edge_index)[0].detach()))
    assert losses[1] < 0.9 * losses[0]


@pytest.mark.parametrize("part", ["features", "edges"])
def test_the_part_that_is_weighed_is_learnt(part: str) -> None:
    """Each of the two reconstructions is better with its own loss than without."""
    edges = {"features": 0.0, "edges": 20.0}
    scores = {}
    for name, weight in edges.items():
        one = tokenizer(edges=weight)
        fit(one, epochs=60)
        with torch.no_grad():
            _, q, _ = one.quantise(HIDDEN)
            scores[name] = {
                "features": float(F.mse_loss(one.features(q), DATA.x)),
                "edges": float(edge_loss_naive(one.edges(q), DATA.edge_index, "sigmoid")),
            }
    other = {"features": "edges", "edges": "features"}[part]
    assert scores[part][part] < scores[other][part]


@pytest.mark.bits
@pytest.mark.parametrize("batch_size", [None, 16, 60, 1000])
def test_the_same_seed_gives_the_same_bits_whatever_the_global_state(batch_size: int | None) -> None:
    ones, codes = [], []
    for seed in (0, 0, 1):
        torch.manual_seed(len(ones))
        before = torch.get_rng_state()
        ones.append(tokenizer())
        codes.append(fit(ones[-1], batch_size=batch_size, seed=seed))
        assert torch.equal(torch.get_rng_state(), before)
    assert same(ones[0], ones[1])
    assert torch.equal(codes[0], codes[1])
    assert not same(ones[0], ones[2])


def test_the_number_of_threads_changes_no_more_than_rounding() -> None:
    """Torch's own matrix products may round otherwise on more threads, so bits are not promised."""
    threads, ones = torch.get_num_threads(), []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            ones.append(tokenizer())
            fit(ones[-1], epochs=3)
    finally:
        torch.set_num_threads(threads)
    for a, b in zip(ones[0].state_dict().values(), ones[1].state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_every_node_gets_the_code_of_the_finished_encoder() -> None:
    one = tokenizer()
    code = fit(one, batch_size=16)
    assert code.shape == (60,)
    assert torch.equal(code, one(HIDDEN))


@pytest.mark.parametrize("batch_size", [None, 16])
def test_a_graph_without_edges_has_codes_too(batch_size: int | None) -> None:
    one = tokenizer()
    code = fit_tokenizer(one, HIDDEN, DATA.x, DATA.edge_index[:, :0], TokenizerConfig(epochs=3, batch_size=batch_size))
    assert len(code.unique()) >= 4
    assert all(bool(p.isfinite().all()) for p in one.parameters())


@pytest.mark.parametrize("batch_size", [None, 16])
def test_two_graphs_that_do_not_touch(batch_size: int | None) -> None:
    x, h = DATA.x.repeat(2, 1), HIDDEN.repeat(2, 1)
    edges = torch.cat([DATA.edge_index, DATA.edge_index + 60], dim=1)
    code = fit_tokenizer(tokenizer(), h, x, edges, TokenizerConfig(epochs=3, batch_size=batch_size))
    assert torch.equal(code[:60], code[60:])


def test_as_many_codes_as_nodes_and_a_single_one() -> None:
    assert len(fit(tokenizer(60)).unique()) >= 30
    assert fit(tokenizer(1, link="minmax")).tolist() == [0] * 60


def test_the_state_dict_moves_to_another_tokenizer() -> None:
    one, other = tokenizer(), Tokenizer(7, 9, 8, dim=6)
    fit(one)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(HIDDEN), other(HIDDEN))
    assert same(one, other)


def test_half_of_the_codes_live_on_cora(cora: NodeDataset) -> None:
    with scoped(0, "weights"):
        teacher, layer = build_teacher("GCN", cora.x.shape[1], 7)
        one = Tokenizer(128, cora.x.shape[1])
    fit_teacher(teacher, cora, TeacherConfig(epochs=8))
    _, hidden = teacher_outputs(teacher, layer, cora.x, cora.edge_index)
    for batch_size in (None, 512):
        code = fit_tokenizer(one, hidden, cora.x, cora.edge_index, TokenizerConfig(epochs=5, batch_size=batch_size))
        health = one.codebook.health(code)
        assert health.live >= 128
        assert health.perplexity >= 64


bad_calls: dict[str, Callable[[], object]] = {
    r"x holds NaN or infinity": lambda: fit_tokenizer(
        tokenizer(), HIDDEN, DATA.x.index_fill(0, torch.tensor([3]), torch.nan), DATA.edge_index
    ),
    r"h holds NaN or infinity": lambda: fit(tokenizer(), h=HIDDEN / 0),
    r"num_codes is 61 but there are only 60 rows": lambda: fit(tokenizer(61)),
    r"link must be one of sigmoid, minmax, got 'relu'": lambda: fit(tokenizer(link="relu")),
    r"metric must be one of euclidean, cosine, got 'dot'": lambda: tokenizer(metric="dot"),
}


@pytest.mark.parametrize("message", bad_calls)
def test_errors_name_the_argument_and_the_value(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bad_calls[message]()
