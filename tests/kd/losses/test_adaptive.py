import pytest
import torch

from graphdistill.kd.losses.adaptive import AdaptiveKL
from graphdistill.kd.losses.kl import KD, ReverseKL
from tests.kd.losses.checks import check_errors, check_safe, kl, softmax


def share(p, q, mass):
    held, head = 0.0, set()
    for c in sorted(range(len(p)), key=lambda c: -p[c]):
        if held >= mass:
            break
        head.add(c)
        held += p[c]
    gaps = [abs(a - b) for a, b in zip(p, q, strict=True)]
    return sum(gaps[c] for c in head) / sum(gaps)


def test_it_is_the_naive_sum():
    s, t = torch.randn(2, 100, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2
    want = []
    for a, b in zip(s.tolist(), t.tolist(), strict=True):
        p, q = softmax(b, 2), softmax(a, 2)
        w = share(p, q, 0.6)
        want.append(4 * (w * kl(p, q) + (1 - w) * kl(q, p)))
    torch.testing.assert_close(AdaptiveKL(0.6, 2.0)(s, t), torch.tensor(want, dtype=torch.float64))


def test_what_holds_for_all_losses():
    check_safe(AdaptiveKL(temperature=2.0))
    check_errors(AdaptiveKL())


def test_no_gradient_flows_through_the_weights():
    s, t = torch.randn(2, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rows = zip(t.softmax(-1).tolist(), s.softmax(-1).tolist(), strict=True)
    w = torch.tensor([share(p, q, 0.5) for p, q in rows]).double()
    s.requires_grad_()
    (got,) = torch.autograd.grad(AdaptiveKL()(s, t).sum(), s)
    (want,) = torch.autograd.grad((w * KD()(s, t) + (1 - w) * ReverseKL()(s, t)).sum(), s)
    torch.testing.assert_close(got, want)


def test_equal_predictions_cost_nothing():
    z = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = AdaptiveKL()(z, z.detach())
    loss.sum().backward()
    assert loss.tolist() == [0.0, 0.0, 0.0]
    assert z.grad.isfinite().all()


@pytest.mark.parametrize("mass", [0.0, 1.0, float("nan")])
def test_the_mass_is_checked(mass):
    with pytest.raises(ValueError, match="mass must be above 0 and below 1, got"):
        AdaptiveKL(mass)
