import torch
import torch.nn.functional as F

from graphdistill.kd.losses.discriminator import AdversarialLoss, reverse_gradient
from tests.kd.losses.checks import check_safe


def logits():
    return torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_the_value_is_the_binary_cross_entropy_and_the_students_gradient_its_opposite():
    loss = AdversarialLoss(4).double()
    student, teacher = (z.requires_grad_() for z in logits())
    value = loss(student, teacher)
    (ours,) = torch.autograd.grad(value.sum(), student, retain_graph=True)
    scores = [loss.score(z.log_softmax(1))[:, 0] for z in (student, teacher)]
    wanted = sum(
        F.binary_cross_entropy_with_logits(score, torch.full_like(score, side), reduction="none")
        for side, score in enumerate(scores)
    )
    torch.testing.assert_close(value, wanted / 2)
    (plain,) = torch.autograd.grad(wanted.sum() / 2, student)
    torch.testing.assert_close(ours, -plain)
    assert torch.autograd.grad(value.sum(), teacher, allow_unused=True) == (None,)


def test_steps_confuse_the_discriminator():
    student, teacher = logits()
    shift = torch.tensor([3.0, -3.0, 0.0, 0.0], dtype=torch.float64)
    with torch.random.fork_rng():
        torch.manual_seed(0)  # a discriminator of six rows may begin, and stay, without a gradient
        loss = AdversarialLoss(4).double()
    student = (teacher + shift).requires_grad_()
    optimizer = torch.optim.Adam([*loss.parameters(), student], lr=0.05)
    before = (student.log_softmax(1) - teacher.log_softmax(1)).detach().mean(0).norm()
    for _ in range(200):
        optimizer.zero_grad()
        loss(student, teacher).mean().backward()
        optimizer.step()
    after = (student.log_softmax(1) - teacher.log_softmax(1)).detach().mean(0).norm()
    assert after < 0.5 * before


def test_extremes_are_finite():
    for num_classes in (2, 3):
        module = AdversarialLoss(num_classes)
        assert module(torch.eye(num_classes), torch.eye(num_classes).log()).isfinite().all()
    check_safe(lambda student, teacher, y: AdversarialLoss(student.shape[1]).to(student.dtype)(student, teacher))


def test_the_identity_is_the_forward_pass():
    x = torch.rand(3)
    assert torch.equal(reverse_gradient(x), x)
