import copy

import pytest
import torch

from graphdistill.kd.losses import BalancedKD, ReverseKL
from graphdistill.kd.methods import bd_kd
from graphdistill.kd.objective import label_loss
from tests.kd.methods.checks import batch_of, check_training, logits, train
from tests.kd.samples import images_context, mlp, nodes_context


def test_each_network_learns_from_its_own_loss():
    s, t, y = logits()
    config = bd_kd.Config(delta=3.0, temperature=2.0, weight=0.5, label_weight=2.0, teacher_label_weight=0.7)
    objective = bd_kd.objective(nodes_context(), config)
    assert objective.online
    s.requires_grad_()
    t.requires_grad_()
    got = torch.autograd.grad(objective.loss(batch_of(s, t, y)).sum(), [s, t])
    of_student = 0.5 * BalancedKD(3.0, 2.0)(s, t.detach()) + 2 * label_loss(s, y)
    of_teacher = 0.5 * ReverseKL(2.0)(s.detach(), t) + 0.7 * label_loss(t, y)
    want = [torch.autograd.grad(of_student.sum(), s)[0], torch.autograd.grad(of_teacher.sum(), t)[0]]
    torch.testing.assert_close(list(got), want)


def test_it_trains_both():
    check_training(bd_kd.Config())
    teacher = mlp(1, 64, 3)
    before = copy.deepcopy(teacher.state_dict())
    train(mlp(0, 64, 3), teacher, images_context().data, bd_kd.Config())
    assert any(not torch.equal(before[key], value) for key, value in teacher.state_dict().items())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"delta": 0.5}, r"--delta must be 1 or more, got 0\.5"),
        ({"teacher_label_weight": -1}, "--teacher-label-weight must be 0 or more, got -1"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        bd_kd.Config(**words)
