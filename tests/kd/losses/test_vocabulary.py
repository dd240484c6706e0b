import pytest
import torch
import torch.nn.functional as F

from graphdistill.kd.losses.kl import KD
from graphdistill.kd.losses.vocabulary import VocabularyKD, vocabulary_cross_entropy


def draw(n=7, d=3, classes=11, k=4, seed=0):
    """Hidden rows, matrix and bias of a student, and the known classes of a teacher, of some rows all or fewer."""
    g = torch.Generator().manual_seed(seed)
    hidden, weight, bias = (
        torch.randn(size, generator=g, dtype=torch.float64) for size in ((n, d), (classes, d), (classes,))
    )
    p = (2 * torch.randn(n, classes, generator=g, dtype=torch.float64)).softmax(dim=1)
    probabilities, ids = p.topk(k, dim=1)
    probabilities[1, 2:], ids[1, 2:] = 0, 0
    rest = 1 - probabilities.sum(dim=1)
    return (hidden, weight, bias), (ids, probabilities, rest)


def naive(student, teacher, rest_mode, t):
    """The formula on all logits, row by row."""
    (hidden, weight, bias), (ids, probabilities, rest) = student, teacher
    q = ((hidden @ weight.T + bias) / t).softmax(dim=1)
    rows = []
    for i in range(len(hidden)):
        known = {int(c): p for c, p in zip(ids[i], probabilities[i], strict=True) if p > 0}
        others = [c for c in range(len(weight)) if c not in known]
        value = sum(p * (p / q[i, c]).log() for c, p in known.items())
        if rest_mode == "group" and rest[i] > 0:
            value = value + rest[i] * (rest[i] / q[i, others].sum()).log()
        if rest_mode == "even" and others:
            share = rest[i] / len(others)
            value = value + sum(torch.special.xlogy(share, share) - share * q[i, c].log() for c in others)
        rows.append(t**2 * value)
    return torch.stack(rows)


@pytest.mark.parametrize("rest", ["group", "even"])
@pytest.mark.parametrize("rows", [1, 3, 100, None])
@pytest.mark.parametrize("t", [1.0, 2.5])
def test_loss_and_gradient_are_those_of_all_logits(rest, rows, t):
    student, teacher = draw()
    student = [part.requires_grad_() for part in student]
    factor = torch.arange(1.0, 8.0, dtype=torch.float64)
    got = VocabularyKD(t, rest, rows)(*student[:2], *teacher, bias=student[2])
    want = naive(student, teacher, rest, t)
    torch.testing.assert_close(got, want)
    for a, b in zip(
        torch.autograd.grad((got * factor).sum(), student),
        torch.autograd.grad((want * factor).sum(), student),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("rest", ["group", "even"])
def test_gradients_are_differences(rest):
    (hidden, weight, _), teacher = draw(n=3)
    loss = VocabularyKD(2.0, rest, 2)
    assert torch.autograd.gradcheck(
        lambda h, w: loss(h, w, *teacher), (hidden.requires_grad_(), weight.requires_grad_())
    )


@pytest.mark.parametrize("rest", ["group", "even"])
def test_with_all_classes_it_is_kd(rest):
    (hidden, weight, bias), _ = draw(classes=5, k=2)
    teacher = torch.randn(7, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    p = (teacher / 3).softmax(dim=1)
    ids = torch.arange(5).expand(7, 5)
    got = VocabularyKD(3.0, rest)(hidden.requires_grad_(), weight, ids, p, torch.zeros(7), bias)
    torch.testing.assert_close(got, KD(3.0)(hidden @ weight.T + bias, teacher))
    assert torch.autograd.grad(got.sum(), hidden)[0].isfinite().all()


def test_the_same_probabilities_have_no_divergence():
    (hidden, weight, bias), _ = draw()
    probabilities, ids = (hidden @ weight.T + bias).softmax(dim=1).topk(4, dim=1)
    rest = 1 - probabilities.sum(dim=1)
    got = VocabularyKD()(hidden, weight, ids, probabilities, rest, bias)
    torch.testing.assert_close(got, torch.zeros(7, dtype=torch.float64))


def test_cross_entropy_is_that_of_torch():
    (hidden, weight, bias), _ = draw()
    y = torch.tensor([0, 3, -1, 10, 2, 2, -1])
    parts = [part.requires_grad_() for part in (hidden, weight, bias)]
    got = vocabulary_cross_entropy(hidden, weight, y, bias, rows=2)
    want = F.cross_entropy(hidden @ weight.T + bias, y, ignore_index=-1, reduction="none")
    torch.testing.assert_close(got, want)
    for a, b in zip(torch.autograd.grad(got.sum(), parts), torch.autograd.grad(want.sum(), parts), strict=True):
        torch.testing.assert_close(a, b)


def test_only_what_needs_a_gradient_gets_one():
    (hidden, weight, bias), teacher = draw()
    VocabularyKD()(hidden.requires_grad_(), weight, *teacher, bias).sum().backward()
    assert hidden.grad.isfinite().all()
    assert (weight.grad, bias.grad) == (None, None)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"temperature": 0.0}, "temperature must be above 0, got 0.0"),
        ({"rows": 0}, "rows must be above 0, got 0"),
        ({"rest": "none"}, "rest must be 'group' or 'even', got 'none'"),
    ],
)
def test_options_are_checked(options, text):
    with pytest.raises(ValueError, match=text):
        VocabularyKD(**options)


def test_shapes_and_vocabularies_are_checked():
    (hidden, weight, _), (ids, probabilities, rest) = draw()
    with pytest.raises(ValueError, match=r"must be \[n, d\], \[C, d\] and \[n, k\], got \[7, 3\], \[11, 2\]"):
        VocabularyKD()(hidden, weight[:, :2], ids, probabilities, rest)
    with pytest.raises(ValueError, match="the teacher has class 9, but the output matrix has 5 classes"):
        VocabularyKD()(hidden, weight[:5], ids * 0 + 9, probabilities, rest)
    with pytest.raises(ValueError, match="need the same vocabulary"):
        vocabulary_cross_entropy(hidden, weight, torch.full((7,), 11))
