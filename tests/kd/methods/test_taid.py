import pytest
import torch

from graphdistill.kd.methods import taid
from graphdistill.kd.objective import Batch
from graphdistill.kd.outputs import Outputs
from graphdistill.kd.training import fit_objective
from tests.kd.samples import images_context


def batch(n=4):
    g = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, n, 3, generator=g)
    return Batch(torch.arange(n), None, torch.arange(n) % 3, Outputs(student), Outputs(teacher), 0.0, g)


def blend(found, t):
    target = ((1 - t) * found.student.logits + t * found.teacher.logits).softmax(dim=1)
    return -(target * found.student.logits.log_softmax(dim=1)).sum(dim=1)


def test_without_adaptation_the_target_is_the_linear_blend():
    context, steps, one = images_context(steps=8), 8, batch()
    found = taid.objective(context, taid.Config(adaptive=False, start=0.2, end=0.8, label_weight=0.0))
    for step in range(steps):
        torch.testing.assert_close(found.loss(one), blend(one, 0.2 + 0.6 * step / steps))
        found.after_step(123.0)
    torch.testing.assert_close(found.loss(one), blend(one, 0.8))


def test_adaptation_moves_on_faster_than_the_blend():
    one = batch()
    found = taid.objective(images_context(steps=1000), taid.Config(alpha=0.5, label_weight=0.0))
    for _ in range(40):
        found.loss(one)
        found.after_step(0.0)
    torch.testing.assert_close(found.loss(one), blend(one, 1.0), rtol=0.001, atol=0)


def test_a_student_is_trained():
    context = images_context(steps=30)
    before = context.data.score(context.student, "valid")
    fit_objective(context, taid.objective(context, taid.Config(label_weight=1.0)), eval_every=10)
    assert context.data.score(context.student, "valid") > before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"start": 0.9, "end": 0.5}, "--start and --end must be 0 to 1 in this order, got 0.9 and 0.5"),
        ({"alpha": -1}, "--alpha must be 0 or more, got -1"),
        ({"beta": 1}, "--beta must be 0 to below 1, got 1"),
        ({"temperature": 0}, "--temperature must be above 0, got 0"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        taid.Config(**words)
