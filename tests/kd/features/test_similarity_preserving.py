import pytest
import torch

from graphdistill.kd.features.similarity_preserving import SimilarityPreserving


def test_naive_loop():
    s, t = (torch.randn(4, d, dtype=torch.float64, generator=torch.Generator().manual_seed(d)) for d in (5, 2))
    grams = []
    for h in (s.tolist(), t.tolist()):
        g = [[sum(a * b for a, b in zip(x, z, strict=True)) for z in h] for x in h]
        grams.append([[v / sum(w * w for w in row) ** 0.5 for v in row] for row in g])
    want = [sum((a - b) ** 2 for a, b in zip(*rows, strict=True)) / 4 for rows in zip(*grams, strict=True)]
    torch.testing.assert_close(SimilarityPreserving()(s, t), torch.tensor(want, dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda z: SimilarityPreserving()(z, t), s.requires_grad_())


def test_torchdistill():
    losses = pytest.importorskip("torchdistill.losses.mid_level")
    s, t = torch.randn(2, 6, 5, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    want = losses.SPKDLoss(".", ".", "batchmean")(*[{".": {"output": h}} for h in (s, t)])
    # They hand the axis to normalize as its norm, so their rows have a sum, not a length, of 1.
    torch.testing.assert_close(SimilarityPreserving(p=1.0)(s, t).mean(), want, rtol=1e-6, atol=1e-6)


def test_errors():
    with pytest.raises(ValueError, match="must have the same rows, got 2 and 3"):
        SimilarityPreserving()(torch.rand(2, 3), torch.rand(3, 3))
    with pytest.raises(ValueError, match="p must be 1 or more, got 0"):
        SimilarityPreserving(p=0)
