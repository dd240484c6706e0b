"""Experts: networks trained on the real data whose weights are stored after every epoch, and windows of start epochs.

Shape legend: E experts, T epochs, P parameters of a network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.condense.data.training_data import TrainingData
from graphdistill.condense.matching.unroll import FlatNetwork, flat_weights
from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.config_checks import check_positive
from graphdistill.core.randomness import generator, scoped
from graphdistill.core.training.augment import NO_AUGMENT, Augment
from graphdistill.core.training.fit import Inputs
from graphdistill.core.training.loop import Training, train


@dataclass(frozen=True)
class Sharpness:
    r"""Training steps towards flat minima (GSAM, Zhuang et al., ICLR 2022; the ascent of ASAM, Kwon et al., ICML 2021).

    .. math:: g' = \nabla L\Big(\theta + \rho \frac{\theta^2 g}{\| |\theta| g \|}\Big), \qquad
        d = g' - a \Big(g - \frac{g \cdot g'}{\|g'\|^2} g'\Big)

    and the step is along d, where g is the gradient at :math:`\theta` itself.

    Attributes:
        rho: length of the ascent.
        alpha: share a of the orthogonal part that is subtracted.
    """

    rho: float
    alpha: float


@dataclass(frozen=True)
class Smoothness:
    r"""Training of experts that change evenly (Shen et al., 2023, https://arxiv.org/abs/2310.10541).

    .. math:: L = c_e \, \ell(\theta; A(x)) + \lambda \, \mathrm{mean} \Big(\Big\|
        \frac{\partial \sum_j f_j(x; \theta)}{\partial x}\Big\| - 1\Big)^2

    The factor :math:`c_e` of the cross-entropy grows from epoch to epoch, so that the first epochs, in which weights
    change most, change them less. The norm is over the channels of a pixel of the image as it is, not augmented.

    Attributes:
        penalty: :math:`\lambda`; 0 leaves it out.
        first_factor: factor in the first epoch.
        ramp: epochs over which it grows evenly, to 1 after them.
    """

    penalty: float
    first_factor: float
    ramp: int

    def factor(self, epoch: int) -> float:
        """The factor in an epoch, counted from 1.

        Example:
            >>> [Smoothness(2.0, first_factor=0.5, ramp=4).factor(epoch) for epoch in (1, 2, 5, 9)]
            [0.5, 0.625, 1.0, 1.0]
        """
        return 1 - (1 - self.first_factor) * max(0.0, 1 - (epoch - 1) / self.ramp)

    def penalized(self, network: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """The weighted penalty of a network on images."""
        x = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(network(x).sum(), x, create_graph=True)
        error: Tensor = (slope.norm(dim=1) - 1).square().mean()
        return self.penalty * error


@dataclass(frozen=True)
class Curriculum:
    """Training data from easy to hard: a share of the entries at first, all of them later.

    The share grows geometrically, ``first ** (1 - fraction_done / until)``.

    Attributes:
        difficulty: of each training entry, float ``[n]``.
        first: share of the entries at the start.
        until: share of the training after which all are used.
    """

    difficulty: Tensor
    first: float
    until: float

    def index(self, fraction_done: float) -> Tensor:
        """Indices of the entries to train on, easiest first, after ``fraction_done`` of the training.

        Example:
            >>> Curriculum(torch.tensor([3.0, 1.0, 2.0, 0.0]), 0.5, 0.5).index(0.0).tolist()
            [3, 1]
        """
        share = self.first ** max(0.0, 1 - fraction_done / self.until)
        return self.difficulty.argsort(stable=True)[: max(1, round(share * len(self.difficulty)))]


@dataclass(frozen=True, kw_only=True)
class ExpertTraining:
    """How experts are trained: SGD, minibatches of images, all nodes of a graph at once.

    Attributes:
        epochs: number of epochs; the weights are stored after each.
        lr: step size.
        batch: entries in a step. (default: 64)
        passes: passes over the training data in an epoch; many for nodes, where each is one step. (default: 1)
        momentum: of SGD. (default: 0, as in MTT)
        augment: augmentation of images, sampled for each image. (default: none)
        sharpness: steps towards flat minima. (default: plain SGD)
        smoothness: a loss of images with which weights change evenly. (default: cross-entropy)
        curriculum: which entries are used when. (default: all, always)
    """

    epochs: int
    lr: float
    batch: int = 64
    passes: int = 1
    momentum: float = 0.0
    augment: Augment = NO_AUGMENT
    sharpness: Sharpness | None = None
    smoothness: Smoothness | None = None
    curriculum: Curriculum | None = None

    def __post_init__(self) -> None:
        check_positive(self, "epochs", "batch", "passes")


def record_trajectories(
    real: TrainingData, training: ExpertTraining, count: int, seed: int, progress: Progress = NO_PROGRESS
) -> Tensor:
    """Train experts and store their weights at the start and after every epoch.

    Args:
        real: the training data.
        training: how experts are trained.
        count: number E of experts; each has initial weights of its own.
        seed: of weights, batches and augmentations.
        progress: shows a bar. (default: none)

    Returns:
        Float32 ``[E, T + 1, P]``.

    Example:
        >>> from graphdistill.condense.data.images import TrainingImages
        >>> real = TrainingImages(torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 1, 0]), 2)
        >>> record_trajectories(real, ExpertTraining(epochs=3, lr=0.1), 2, seed=0).shape
        torch.Size([2, 4, 9954])
    """
    experts = []
    for expert in progress.track(range(count), "training experts"):
        with scoped(seed, "expert", expert):
            net = real.network()
        experts.append(_trajectory(net, real, training, generator(seed, "expert's batches", expert)))
    return torch.stack(experts)


def _trajectory(net: nn.Module, real: TrainingData, training: ExpertTraining, draws: torch.Generator) -> Tensor:
    """Weights of one expert at the start and after every epoch, ``[T + 1, P]``."""
    network, theta = FlatNetwork(net), nn.Parameter(flat_weights(net))
    path = [theta.detach().clone()]

    def loss(batch: _Batch) -> Tensor:
        x, y, epoch, plain = batch
        value, smoothness = F.cross_entropy(network(theta, x), y), training.smoothness
        if smoothness is None:
            return value
        assert isinstance(plain, Tensor)
        value = smoothness.factor(epoch) * value
        return value + smoothness.penalized(lambda x: network(theta, x), plain) if smoothness.penalty else value

    def batches(epoch: int) -> Iterator[_Batch]:
        yield from _batches(real, training, epoch, draws)
        # The last step of the epoch is done when the next batch is requested.
        path.append(theta.detach().clone())

    train(Training(nn.ParameterList([theta]), _SGD(theta, training), loss), batches, training.epochs)
    return torch.stack(path)


_Batch = tuple[Inputs, Tensor, int, Inputs]
"""Inputs and classes of a step, its epoch, and the inputs without augmentation."""


def _batches(real: TrainingData, training: ExpertTraining, epoch: int, draws: torch.Generator) -> Iterator[_Batch]:
    """Batches of an epoch, counted from 1: minibatches of images, or all nodes."""
    whole = real.KIND == "nodes"
    for number_of_pass in range(training.passes):
        fraction_done = (epoch - 1 + number_of_pass / training.passes) / training.epochs
        used = torch.arange(len(real)) if training.curriculum is None else training.curriculum.index(fraction_done)
        for index in [used] if whole else used[torch.randperm(len(used), generator=draws)].split(training.batch):
            x = real.inputs(index)
            yield training.augment.each(x, draws) if isinstance(x, Tensor) else x, real.y[index], epoch, x


class _SGD(torch.optim.Optimizer):
    """SGD on one vector of weights, towards flat minima where :class:`Sharpness` is given."""

    def __init__(self, theta: nn.Parameter, training: ExpertTraining):
        super().__init__([theta], {})
        self.theta, self.training = theta, training
        self.momentum_buffer = torch.zeros_like(theta)

    def step(self, closure: Callable[[], float]) -> float:  # type: ignore[override]  # the gradient comes from it
        """Take a step along the gradients that ``closure`` computes."""
        loss = closure()
        with torch.no_grad():
            direction = self._gradient()
            if self.training.sharpness is not None:
                direction = self._flat_direction(direction, self.training.sharpness, closure)
            self.momentum_buffer = self.training.momentum * self.momentum_buffer + direction
            self.theta.sub_(self.training.lr * self.momentum_buffer)
        return loss

    def _gradient(self) -> Tensor:
        assert self.theta.grad is not None
        return self.theta.grad

    def _flat_direction(self, here: Tensor, sharpness: Sharpness, closure: Callable[[], float]) -> Tensor:
        """Direction of a step by the gradient here and the one after an ascent."""
        start = self.theta.clone()
        climb = sharpness.rho * start.square() * here / (start * here).norm().clamp(min=1e-12)
        self.theta.add_(climb)
        with torch.enable_grad():
            closure()
        self.theta.copy_(start)
        there = self._gradient()
        along = (here @ there) / there.square().sum().clamp(min=1e-12) * there
        return there - sharpness.alpha * (here - along)


@dataclass(frozen=True)
class Window:
    """Epochs of an expert that a student may start at; the latest one grows while the set is learnt.

    Attributes:
        earliest: epoch.
        latest: epoch at the end.
        first_latest: epoch at the first step. (default: ``latest``, it is constant)
        until: share of the steps over which it grows linearly. (default: 0.5)
    """

    earliest: int
    latest: int
    first_latest: int | None = None
    until: float = 0.5

    def __post_init__(self) -> None:
        first = self.latest if self.first_latest is None else self.first_latest
        if not 0 <= self.earliest <= first <= self.latest:
            raise ValueError(
                f"a window needs 0 <= earliest <= first_latest <= latest, got {self.earliest}, {first}, {self.latest}"
            )

    def limit(self, fraction_done: float) -> int:
        """The latest epoch after ``fraction_done`` of the steps.

        Example:
            >>> window = Window(0, 20, first_latest=10)
            >>> window.limit(0.0), window.limit(0.25), window.limit(0.9)
            (10, 15, 20)
        """
        first = self.latest if self.first_latest is None else self.first_latest
        return first + int((self.latest - first) * min(1.0, fraction_done / self.until))

    def sample_epoch(self, fraction_done: float, generator: torch.Generator) -> int:
        """Sample an epoch to start at."""
        return int(torch.randint(self.earliest, self.limit(fraction_done) + 1, (), generator=generator))


@torch.no_grad()
def expert_logits(real: TrainingData, network: FlatNetwork, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Mean logits of the experts that classify each training entry correctly, and the number of these experts.

    If no expert is correct, all experts are averaged, and the logit of the true class is raised to the largest one.

    Args:
        real: the training data.
        network: of the experts.
        weights: of each expert, ``[E, P]``.

    Returns:
        Logits ``[n, C]``, the true class never below another, and the number of correct experts, long ``[n]``.
    """
    everything = real.inputs(torch.arange(len(real)))
    every = torch.stack([network(theta, everything) for theta in weights])  # (E, n, C)
    right = every.argmax(dim=2) == real.y
    counted = (right | ~right.any(dim=0)).float()
    logits = (every * counted[:, :, None]).sum(dim=0) / counted.sum(dim=0)[:, None]
    true = real.y[:, None]
    return logits.scatter(1, true, logits.max(dim=1, keepdim=True).values), right.sum(dim=0)
