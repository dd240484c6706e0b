import pytest
import torch

from graphdistill.kd.features.relational import RelationalKD


def huber(a, b):
    gap = abs(a - b)
    return 0.5 * gap**2 if gap < 1 else gap - 0.5


def test_naive_loop():
    s, t = (torch.randn(4, d, dtype=torch.float64, generator=torch.Generator().manual_seed(d)) for d in (5, 2))
    relations = []
    for h in (s, t):
        d = [[float((h[i] - h[j]).norm()) for j in range(4)] for i in range(4)]
        mean = sum(map(sum, d)) / 12
        unit = [[(h[j] - h[i]) / d[i][j] if i != j else 0 * h[i] for j in range(4)] for i in range(4)]
        angle = [[float(unit[i][j] @ unit[i][k]) for j in range(4) for k in range(4)] for i in range(4)]
        relations.append(([[v / mean for v in row] for row in d], angle))
    (d_s, a_s), (d_t, a_t) = relations
    want = [3 * sum(map(huber, d_s[i], d_t[i])) / 4 + 0.5 * sum(map(huber, a_s[i], a_t[i])) / 16 for i in range(4)]
    loss = RelationalKD(3.0, 0.5)
    torch.testing.assert_close(loss(s, t), torch.tensor(want, dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda z: loss(z, t), s.requires_grad_())


@pytest.mark.parametrize("weights", [(1.0, 2.0), (25.0, 0.0), (0.0, 50.0)])
def test_torchdistill(weights):
    losses = pytest.importorskip("torchdistill.losses.mid_level")
    s, t = torch.randn(2, 6, 5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    want = losses.RKDLoss(".", ".", *weights, "mean")(*[{".": {"output": h}} for h in (s, t)])
    torch.testing.assert_close(RelationalKD(*weights)(s, t).mean(), want, rtol=1e-6, atol=1e-6)


def test_equal_and_single_entries_have_a_finite_gradient():
    for h in (torch.ones(3, 2), torch.ones(1, 2)):
        value = RelationalKD()(h.requires_grad_(), torch.rand(len(h), 2))
        value.sum().backward()
        assert value.isfinite().all()
        assert h.grad.isfinite().all()


def test_errors():
    with pytest.raises(ValueError, match="must have the same rows, got 2 and 3"):
        RelationalKD()(torch.rand(2, 3), torch.rand(3, 3))
    with pytest.raises(ValueError, match="angle_weight must be 0 or more, got -1"):
        RelationalKD(angle_weight=-1)
