import math

import pytest
import torch

from graphdistill.kd.top_k import TopK, dequantize, quantize, rechunk, select


def logits(n=40, classes=30, seed=0):
    return torch.randn(n, classes, generator=torch.Generator().manual_seed(seed)) * 3


def test_the_most_probable_classes_are_selected():
    z = logits()
    count, rest, log, ids = next(select([z], 30, 5, 1.0, 2.0))
    p = (z / 2).softmax(dim=1)
    for i in range(len(z)):
        best = sorted(range(30), key=lambda c: -p[i, c])[:5]
        assert ids[i].tolist() == best
        assert torch.allclose(log[i].exp(), p[i, best])
        assert float(rest[i]) == pytest.approx(1 - float(p[i, best].sum()), abs=1e-6)
    assert count.tolist() == [5] * 40


def test_a_position_keeps_no_more_classes_than_cover_the_mass():
    z = logits()
    count, rest, _, _ = next(select([z], 30, 10, 0.9, 1.0))
    p = z.softmax(dim=1).sort(dim=1, descending=True).values.double()
    for i in range(len(z)):
        wanted = next((c for c in range(1, 10) if float(p[i, :c].sum()) >= 0.9), 10)
        assert int(count[i]) == wanted
        assert float(rest[i]) == pytest.approx(1 - float(p[i, :wanted].sum()), abs=1e-6)


@pytest.mark.parametrize("sizes", [[40], [1] * 40, [7, 0, 20, 13]])
def test_chunks_do_not_depend_on_the_batches(sizes):
    z = logits()
    parts = list(rechunk(select(z.split(sizes), 30, 5, 1.0, 1.0), 16))
    assert [len(part[0]) for part in parts] == [16, 16, 8]
    whole = next(select([z], 30, 5, 1.0, 1.0))
    assert all(torch.equal(torch.cat(a), b) for a, b in zip(zip(*parts, strict=True), whole, strict=True))


@pytest.mark.parametrize("precision", [1, 8, 64])
@pytest.mark.parametrize("mass", [0.8, 1.0])
def test_quantized_probabilities_err_by_half_a_step(precision, mass):
    z = logits()
    count, rest, log, ids = part = next(select([z], 30, 6, mass, 1.0))
    back = dequantize(quantize(part, precision, 30), 6, precision, 30)
    assert torch.allclose(back.probabilities.sum(dim=1) + back.rest, torch.ones(40))
    bound = 2 ** (1.01 / precision)  # half a step of each, and of their sum
    for i in range(40):
        n = int(count[i])
        kept = dict(zip(back.ids[i, :n].tolist(), back.probabilities[i, :n].tolist(), strict=True))
        assert sorted(kept) == back.ids[i, :n].tolist()
        assert back.probabilities[i, n:].tolist() == [0] * (6 - n)
        for c, value in zip(ids[i, :n].tolist(), log[i, :n].exp().tolist(), strict=True):
            assert 1 / bound <= kept[c] / value <= bound
        assert 1 / bound <= float(back.rest[i]) / float(rest[i]) <= bound


def test_tiny_probabilities_are_raised_to_the_smallest_of_half_precision():
    z = torch.tensor([[0.0, -40.0, -80.0, -90.0]])
    back = dequantize(quantize(next(select([z], 4, 2, 1.0, 1.0)), 8, 4), 2, 8, 4)
    assert back.probabilities[0, 1] == pytest.approx(2**-24, rel=1e-3)
    assert back.rest[0] == pytest.approx(2**-24, rel=1e-3)


def test_where_all_classes_are_kept_nothing_is_left():
    z = logits(classes=4)
    back = dequantize(quantize(next(select([z], 4, 4, 1.0, 1.0)), 512, 4), 4, 512, 4)
    assert back.rest.tolist() == [0] * 40
    assert torch.allclose(back.dense(4), z.log_softmax(dim=1), atol=2e-3)


def test_other_classes_share_the_rest_evenly():
    some = TopK(torch.tensor([[1, 4], [2, 0]]), torch.tensor([[0.5, 0.2], [0.7, 0.0]]), torch.tensor([0.3, 0.3]))
    want = torch.tensor([[0.1, 0.5, 0.1, 0.1, 0.2], [0.075, 0.075, 0.7, 0.075, 0.075]])
    assert torch.allclose(some.dense(5).exp(), want)


@pytest.mark.parametrize(
    ("batch", "text"),
    [
        (torch.zeros(3, 5), r"batch 0 has logits of shape \[3, 5\], but num_classes is 4"),
        (torch.zeros(4), r"batch 0 has logits of shape \[4\]"),
        (torch.full((2, 4), math.nan), "batch 0 has logits that are NaN or infinite; check the teacher"),
    ],
)
def test_bad_logits_are_refused(batch, text):
    with pytest.raises(ValueError, match=text):
        next(select([batch], 4, 2, 1.0, 1.0))
