import pytest
import torch

from graphdistill.kd.features.attention_transfer import AttentionTransfer


def test_naive_loop():
    s, t = (torch.randn(3, d, 2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(d)) for d in (5, 2))
    want = []
    for i in range(3):
        maps = []
        for f in (s, t):
            a = [
                sum(float(f[i, c, p, q]) ** 2 for c in range(f.shape[1])) / f.shape[1] for p in (0, 1) for q in range(4)
            ]
            norm = sum(v * v for v in a) ** 0.5
            maps.append([v / norm for v in a])
        want.append(sum((a - b) ** 2 for a, b in zip(*maps, strict=True)) / 8)
    torch.testing.assert_close(AttentionTransfer()(s, t), torch.tensor(want, dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda z: AttentionTransfer()(z, t), s.requires_grad_())


def test_torchdistill():
    losses = pytest.importorskip("torchdistill.losses.mid_level")
    s, t = torch.randn(2, 6, 5, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    at = {"io": "output", "path": "."}
    maps = [{".": {"output": f}} for f in (s, t)]
    want = losses.ATLoss({"pair": {"student": at, "teacher": at}})(*maps)
    torch.testing.assert_close(AttentionTransfer()(s, t).mean(), want, rtol=1e-6, atol=1e-6)


def test_errors():
    with pytest.raises(
        ValueError, match=r"maps \[n, d, h, w\] of the same n, h and w, got \[2, 3, 4, 4\] and \[2, 3, 4, 5\]"
    ):
        AttentionTransfer()(torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 5))
