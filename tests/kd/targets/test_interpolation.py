import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.kd.losses.kl import KD
from graphdistill.kd.targets.interpolation import InterpolationSchedule, interpolated_cross_entropy
from tests.kd.losses.checks import softmax


def logits(seed=0, n=5, classes=4):
    return torch.randn(2, n, classes, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_the_loss_is_the_naive_sum(t, temperature):
    student, teacher = logits()
    got = interpolated_cross_entropy(student, teacher, t, temperature)
    for i, (s, z) in enumerate(zip(student.tolist(), teacher.tolist(), strict=True)):
        p = softmax([(1 - t) * a + t * b for a, b in zip(s, z, strict=True)], temperature)
        q = softmax(s, temperature)
        want = -(temperature**2) * sum(a * math.log(b) for a, b in zip(p, q, strict=True))
        assert float(got[i]) == pytest.approx(want, rel=1e-9)


def test_at_the_teacher_it_is_kd_up_to_the_entropy_and_at_the_student_it_has_no_gradient():
    student, teacher = logits()
    student.requires_grad_()
    at_teacher = interpolated_cross_entropy(student, teacher, 1.0, 2.0)
    gradients = (torch.autograd.grad(value.sum(), student)[0] for value in (at_teacher, KD(2.0)(student, teacher)))
    torch.testing.assert_close(*gradients)
    at_student = interpolated_cross_entropy(student, teacher, 0.0)
    assert torch.autograd.grad(at_student.sum(), student)[0].abs().max() < 1e-15


def test_the_gradient_is_the_difference_to_the_target():
    """The target stays fixed, so differences of the whole formula would be others."""
    student, teacher = logits()
    student.requires_grad_()
    target = (0.4 * student + 0.6 * teacher).softmax(dim=1).detach()
    got = torch.autograd.grad(interpolated_cross_entropy(student, teacher, 0.6).sum(), student)[0]
    torch.testing.assert_close(got, student.softmax(dim=1).detach() - target)
    assert torch.autograd.gradcheck(lambda z: F.cross_entropy(z, target, reduction="none"), student)


@given(
    st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=30),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 5),
    st.floats(0, 0.999),
)
def test_the_share_never_decreases_and_stays_within_its_bounds(losses, a, b, alpha, beta):
    schedule = InterpolationSchedule(min(a, b), max(a, b), alpha, beta)
    share = schedule.begin()
    for step, loss in enumerate(losses):
        after = schedule.update(share, loss, (step + 1) / len(losses))
        assert share.t <= after.t <= schedule.end
        share = after
    assert share.t == pytest.approx(schedule.end)


def test_without_adaptation_it_is_linear():
    schedule, share = InterpolationSchedule(0.2, 0.8, alpha=0), None
    share = schedule.begin()
    for step in range(10):
        share = schedule.update(share, 1 / (step + 1), (step + 1) / 10)
        assert share.t == 0.2 + (0.8 - 0.2) * ((step + 1) / 10)


def test_adaptation_follows_the_published_rule():
    schedule = InterpolationSchedule(0.4, 1.0, alpha=0.5, beta=0.9)
    losses, t, m = [2.0, 1.5, 1.6, 0.4], 0.4, 0.0
    share = schedule.begin()
    for step, loss in enumerate(losses):
        if step:
            m = 0.9 * m + 0.1 * (losses[step - 1] - loss) / losses[step - 1]
        t = min(1.0, max(0.4 + 0.6 * (step + 1) / 100, t + 0.5 / (1 + math.exp(-m)) * (1 - t)))
        share = schedule.update(share, loss, (step + 1) / 100)
        assert share.t == pytest.approx(t)
    assert share.t > 0.8


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"start": 0.9, "end": 0.5}, "start and end must be 0 to 1 in this order, got 0.9 and 0.5"),
        ({"end": 1.5}, "got 0.4 and 1.5"),
        ({"alpha": -1.0}, r"alpha must be 0 or more, got -1\.0"),
        ({"beta": 1.0}, r"beta must be 0 to below 1, got 1\.0"),
    ],
)
def test_options_are_checked(options, text):
    with pytest.raises(ValueError, match=text):
        InterpolationSchedule(**options)
