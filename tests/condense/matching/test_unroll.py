from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.condense.matching.unroll import UNROLLS, FlatNetwork, Unroll, flat_weights, unrolled
from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.networks.node_gcn import NodeGCN, Nodes
from graphdistill.core.training.augment import Augment
from tests.condense.oracles_trajectories import student_naive
from tests.condense.samples import seeded

Loss = Callable[[int, Tensor], Tensor]


class Problem:
    """A student's way from one expert's weights to another's, with all that may be learnt."""

    def __init__(self, net: nn.Module, x: Tensor, wrap: Callable[[Tensor], object], lr: float, double: bool = True):
        dtype = torch.float64 if double else torch.float32
        self.net, self.flat, self.wrap = net.to(dtype), FlatNetwork(net.to(dtype)), wrap
        draw, count = seeded(1), int(net.head.out_features)  # type: ignore[union-attr,arg-type]
        self.start = flat_weights(net)
        self.target = self.start + 0.02 * torch.randn(len(self.start), generator=draw).to(dtype)
        self.x = x.to(dtype).requires_grad_()
        self.logits = torch.randn(len(x), count, generator=draw).to(dtype).requires_grad_()
        self.log_lr = torch.tensor(lr, dtype=dtype).log().requires_grad_()
        self.learnt = [self.x, self.logits, self.log_lr]

    def loss(self, number: int, theta: Tensor) -> Tensor:
        logits = self.flat(theta, self.wrap(self.x))  # type: ignore[arg-type]
        return F.cross_entropy(logits, self.logits.softmax(dim=1))

    def gradient(self, steps: int, unroll: Unroll, loss: Loss | None = None) -> list[Tensor]:
        return unrolled(loss or self.loss, self.log_lr, self.start, {steps: self.target}, self.learnt, unroll)[1]()

    def between(self, unroll: Unroll) -> tuple[float, list[Tensor]]:
        """Loss and gradient with targets on the way."""
        targets = {steps: self.start + steps / 9 * (self.target - self.start) for steps in (2, 5, 9)}
        value, gradient = unrolled(self.loss, self.log_lr, self.start, targets, self.learnt, unroll)
        return value, gradient()


def images(lr: float, double: bool = True, net: nn.Module | None = None) -> Problem:
    torch.manual_seed(0)
    net = net or ConvNet((1, 8, 8), 3, width=4)
    return Problem(net, torch.rand(3, 1, 8, 8, generator=seeded()), lambda x: x, lr, double)


def nodes(lr: float, double: bool = True) -> Problem:
    torch.manual_seed(0)
    return Problem(NodeGCN(6, 3, width=4), torch.rand(5, 6, generator=seeded()), Nodes, lr, double)


def relative(ours: list[Tensor], theirs: list[Tensor]) -> list[float]:
    return [float((a - b).norm() / b.norm()) for a, b in zip(ours, theirs, strict=True)]


def cosine(ours: Tensor, theirs: Tensor) -> float:
    return float(F.cosine_similarity(ours.flatten(), theirs.flatten(), dim=0))


@pytest.mark.parametrize("problem", [images, nodes])
@pytest.mark.parametrize("lr", [0.01, 0.5])
@pytest.mark.parametrize(("double", "bound"), [(True, 1e-11), (False, 1e-5)])
def test_the_sweep_is_the_gradient_of_the_whole_unroll(
    problem: Callable[..., Problem], lr: float, double: bool, bound: float
) -> None:
    """Features, soft labels and step size alike."""
    here = problem(lr, double)
    exact = here.gradient(12, "full")
    assert all(float(part.norm()) > 0 for part in exact)
    assert max(relative(here.gradient(12, "reverse"), exact)) < bound


@pytest.mark.parametrize("problem", [images, nodes])
def test_the_loss_is_that_of_a_stock_optimiser(problem: Callable[..., Problem]) -> None:
    here = problem(0.3)
    for unroll in UNROLLS:
        value, _ = unrolled(here.loss, here.log_lr, here.start, {7: here.target}, here.learnt, unroll)
        end = student_naive(here.net, here.wrap(here.x.detach()), here.logits.softmax(dim=1).detach(), 0.3, 7)
        left, way = (float((here.target - at).square().sum()) for at in (end, here.start))
        assert value == pytest.approx(left / way)


def test_the_gradient_is_that_of_finite_differences() -> None:
    here, synthetic = nodes(0.5), 1e-6
    found = here.gradient(5, "reverse")

    def value() -> float:
        return unrolled(here.loss, here.log_lr, here.start, {5: here.target}, here.learnt)[0]

    for leaf, part in zip(here.learnt, found, strict=True):
        way = torch.randn(leaf.shape, generator=seeded(3), dtype=leaf.dtype)
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                leaf += sign * synthetic * way
            ends.append(value())
            with torch.no_grad():
                leaf -= sign * synthetic * way
        assert float((part * way).sum()) == pytest.approx((ends[0] - ends[1]) / (2 * synthetic), rel=1e-5)


def test_what_the_truncated_gradient_forgets() -> None:
    """One step is exact; where the way is short it points the same way; where it is long it does not."""
    torch.manual_seed(0)
    net = ConvNet((1, 8, 8), 3, width=4)
    near, far = images(0.005, net=net), images(1.0, net=net)
    assert relative(near.gradient(1, "tesla"), near.gradient(1, "full"))[0] < 1e-12
    assert cosine(near.gradient(20, "tesla")[0], near.gradient(20, "full")[0]) > 0.97
    assert cosine(far.gradient(20, "tesla")[0], far.gradient(20, "full")[0]) < 0.9


def test_augmentations_that_were_drawn_once_are_the_same_in_the_sweep() -> None:
    here, augment = images(0.2), Augment(("scale", "rotate", "color"))
    draws = [augment.sample(seeded(number)) for number in range(6)]
    draws = [type(d)(d.name, d.u.double()) for d in draws]

    def loss(number: int, theta: Tensor) -> Tensor:
        x = here.x * (1 + draws[number].u[0, 0]) + draws[number].u[0, 1]
        return F.cross_entropy(here.flat(theta, x), here.logits.softmax(dim=1))

    assert max(relative(here.gradient(6, "reverse", loss), here.gradient(6, "full", loss))) < 1e-11


@pytest.mark.parametrize("problem", [images, nodes])
def test_targets_on_the_way_count_too(problem: Callable[..., Problem]) -> None:
    """The loss is the sum of three distances of a stock optimiser, and the sweep the gradient of the whole unroll."""
    here = problem(0.3)
    value, exact = here.between("full")
    wanted = 0.0
    for steps in (2, 5, 9):
        goal = here.start + steps / 9 * (here.target - here.start)
        end = student_naive(here.net, here.wrap(here.x.detach()), here.logits.softmax(dim=1).detach(), 0.3, steps)
        wanted += float((end - goal).square().sum() / (here.start - goal).square().sum())
    assert value == pytest.approx(wanted)
    assert max(relative(here.between("reverse")[1], exact)) < 1e-11
    assert max(relative(here.between("tesla")[1], exact)) > 1e-4


def test_what_has_no_part_in_it_has_no_gradient() -> None:
    here = images(0.1)
    here.learnt.append(torch.ones(2, dtype=torch.float64, requires_grad=True))
    for unroll in UNROLLS:
        assert here.gradient(2, unroll)[-1].tolist() == [0, 0]


def test_unknown_words_and_no_steps_are_refused() -> None:
    here = images(0.1)
    with pytest.raises(ValueError, match="unroll 'backwards' is unknown; choose from reverse, tesla, full"):
        here.gradient(2, "backwards")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"targets must be after 1 step or more, got \[0\]"):
        here.gradient(0, "reverse")
