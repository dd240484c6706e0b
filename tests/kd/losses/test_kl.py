import pytest
import torch

from graphdistill.kd import losses
from graphdistill.kd.losses.kl import KD, ReverseKL, labels_or_argmax
from tests.kd.losses.checks import check_errors, check_gradient, check_safe, check_values, kl, softmax


def test_kd_is_the_naive_sum():
    check_values(KD(3.0), lambda s, t, y: 9 * kl(softmax(t, 3), softmax(s, 3)))


def test_reverse_kl_is_the_naive_sum():
    check_values(ReverseKL(3.0), lambda s, t, y: 9 * kl(softmax(s, 3), softmax(t, 3)))


@pytest.mark.parametrize("loss", [KD(2.0), ReverseKL(2.0)], ids=["kd", "reverse"])
def test_what_holds_for_all_losses(loss):
    check_safe(loss)
    check_gradient(loss)
    check_errors(loss)


def test_gradients_reach_a_teacher_that_is_trained_too():
    student, teacher = torch.randn(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.autograd.gradcheck(lambda t: ReverseKL()(student, t), teacher.requires_grad_())
    one_hot = torch.eye(3).log().requires_grad_()
    KD()(torch.zeros(3, 3), one_hot).sum().backward()
    assert one_hot.grad.isfinite().all()


@pytest.mark.parametrize("loss", [KD, ReverseKL])
@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_the_temperature_is_checked(loss, temperature):
    with pytest.raises(ValueError, match="temperature must be above 0, got"):
        loss(temperature)


def test_a_class_for_every_row():
    teacher = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    assert labels_or_argmax(None, teacher).tolist() == [1, 0]
    assert labels_or_argmax(torch.tensor([-1, 1]), teacher).tolist() == [1, 1]
    assert labels_or_argmax(torch.tensor([[0.9, 0.1], [0.2, 0.8]]), teacher).tolist() == [0, 1]


def test_the_public_table_is_complete():
    assert all(callable(getattr(losses, name)) for name in losses.__all__)
    assert losses.KD is KD
