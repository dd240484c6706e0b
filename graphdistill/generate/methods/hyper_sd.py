r"""Trajectory segments: consistency inside ever longer pieces of the teacher's path, in adapters for all steps.

.. math:: E\ h_c \Bigl( \frac{f_{t \to s} - \mathrm{sg}\, f_{u \to s}}{1 - s/t} \Bigr)
    + \frac{a}{k}\, \mathrm{softplus}(-l(D_\theta(x_t, t, y))), \qquad
    f_{t \to s} = D_\theta + \tfrac{s}{t} (x_t - D_\theta)

where u is next to t on the grid, :math:`x_u` is the teacher's step from :math:`x_t`, and s is the end of the segment
of both. There are k = 8 segments, then 4, 2 and 1; :math:`h_c` is the pseudo-Huber distance, and l a head on the
teacher's hidden output, which counts more as segments become fewer. At the end the log-likelihood of the class by a
classifier of real entries is added as a reward.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.networks.mlp import MLP
from graphdistill.core.randomness import scoped
from graphdistill.core.training.fit import FitConfig, fit
from graphdistill.core.training.loop import Training
from graphdistill.generate.adapters import add_adapters, merge_adapters
from graphdistill.generate.context import Context
from graphdistill.generate.denoiser import Denoiser, add_noise, column
from graphdistill.generate.discriminator import head_of, noisy_logits
from graphdistill.generate.generator import Generator, Step
from graphdistill.generate.space import Kind
from graphdistill.generate.trajectories import carry, follow, pseudo_huber, train_student

PAPER = "Hyper-SD: Ren et al., NeurIPS 2024, https://arxiv.org/abs/2404.13686"
RESULT = Result(
    paper="0.68 above SDXL-Lightning in CLIP score and 0.51 in aesthetic score, one step (from its abstract)",
    ours="digits: Frechet 1.333 ± 0.165 times that of real images in one evaluation, 1.103 ± 0.285 in four "
    "(teacher 1.481 ± 0.183 in 49)",
    command="python -m graphdistill.bench generate --methods hyper-sd --sampling-steps 1 2 4",
    differs="Distance, weights and the reward, a classifier of the data's classes, are ours; the paper's score "
    "distillation of one step is left out.",
)
FOR: tuple[Kind, ...] = ("images", "rows", "graphs")
SEGMENTS = (8, 4, 2, 1)
"""Segments of the stages."""
C = 0.03
"""Constant of the pseudo-Huber distance, in roots of an entry's numbers."""
REWARDED = 0.25
"""Share of the last stage in which the classifier rewards."""


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of trajectory segments."""

    guidance: float = 0.0
    """Strength of the teacher's guidance."""
    grid: int = 16
    """Steps of the teacher's path, a multiple of 8."""
    rank: int = 32
    """Rank of the adapters."""
    lr_scale: float = 1.0
    """Learning rate of the adapters, as a multiple of --lr."""
    gan: float = 0.03
    """Weight of the adversarial loss."""
    reward: float = 0.003
    """Weight of the classifier's log-likelihood at the end of the last stage; 0 leaves it out."""
    start: float = 10.0
    """Noise level that the generator starts from."""

    def __post_init__(self) -> None:
        if not 0 <= self.guidance < float("inf"):
            raise ValueError(f"--guidance must be 0 or more, got {self.guidance}")
        if self.grid < 8 or self.grid % 8:
            raise ValueError(f"--grid must be a multiple of 8, got {self.grid}")
        if self.rank < 1:
            raise ValueError(f"--rank must be 1 or more, got {self.rank}")
        if not 0 < self.lr_scale < float("inf"):
            raise ValueError(f"--lr-scale must be above 0, got {self.lr_scale}")
        if not self.gan >= 0 or not self.reward >= 0:
            raise ValueError(f"--gan and --reward must be 0 or more, got {self.gan} and {self.reward}")
        if not 0 < self.start < float("inf"):
            raise ValueError(f"--start must be above 0, got {self.start}")


class Adversary:
    """A head on the teacher's hidden output at noisy entries, trained to tell real entries from a student's."""

    def __init__(self, context: Context):
        self.context, self.draws = context, context.stream("segments discriminator")
        self.head = head_of(context.teacher, context.seed)
        optimizer = torch.optim.Adam(self.head.parameters(), lr=context.config.lr, betas=(0.0, 0.999))
        self.training: Training[tuple[Tensor, Tensor, Tensor]] = Training(self.head, optimizer, self._loss)
        self.training.start(own_random_state=False)

    def logits(self, x: Tensor, y: Tensor) -> Tensor:
        """Logits that entries are real, ``[n, 1]``."""
        return noisy_logits(self.head, self.context.teacher, x, y, self.draws)

    def learn(self, drawn: Tensor, real: Tensor, y: Tensor) -> None:
        """Take a step on entries of a student and on the real ones that they come from."""
        self.training.step((drawn, real, y), 0.0)

    def _loss(self, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        drawn, real, y = batch
        return (F.softplus(self.logits(drawn, y)) + F.softplus(-self.logits(real, y))).mean()


def segment_ends(index: Tensor, grid: int, segments: int) -> Tensor:
    """Places on the grid of the ends of the segments that steps from some places lie in, long ``[n]``.

    Example:
        >>> segment_ends(torch.tensor([0, 3, 4, 7]), 8, 2).tolist()
        [4, 4, 8, 8]
    """
    length = grid // segments
    return (index // length + 1) * length


def segment_loss(
    student: Denoiser, teacher: Denoiser, x: Tensor, y: Tensor, levels: tuple[Tensor, Tensor, Tensor], guidance: float
) -> tuple[Tensor, Tensor]:
    """Pseudo-Huber distance of the ends of a segment that a student reaches from two neighbours on the teacher's path.

    Args:
        student: the student; only its output at the higher level gets gradients.
        teacher: the teacher.
        x: noisy entries, ``[n, *shape]``.
        y: classes, long ``[n]``.
        levels: noise level of the entries, that of their neighbours, and the last of the segment, ``[n]`` each.
        guidance: strength of the teacher's guidance.

    Returns:
        The loss, and the student's clean entries.
    """
    t, u, s = levels
    clean = student(x, t, y)
    with torch.no_grad():
        nearer = follow(teacher, x, t, u, y, guidance=guidance)
        target = carry(nearer, student(nearer, u, y), u, s)
    apart = (carry(x, clean, t, s) - target) / column(1 - s / t, x)
    numbers = apart[0].numel()
    return pseudo_huber(apart, C).mean() / numbers**0.5, clean


def distill(context: Context, config: Config) -> Generator:
    """The generator."""
    draws, teacher, steps = context.stream("segments"), context.teacher, context.config.steps
    student = teacher.copy()
    with scoped(context.seed, "adapters"):
        add_adapters(student, config.rank)
    grid = torch.tensor([*context.levels(config.start, config.grid), teacher.schedule.sigma_min])
    adversary = Adversary(context) if config.gan else None
    reward = _reward(context) if config.reward else None

    def loss(segments: int, step: int) -> Tensor:
        x, y = context.batch(draws)
        index = torch.randint(config.grid, (len(y),), generator=draws)
        places = index, index + 1, segment_ends(index, config.grid, segments)
        t, u, s = (grid[place].to(y.device) for place in places)
        found, clean = segment_loss(student, teacher, add_noise(x, t, draws), y, (t, u, s), config.guidance)
        if adversary is not None:
            adversary.learn(clean.detach(), x, y)
            found = found + config.gan / segments * F.softplus(-adversary.logits(clean, y)).mean()
        if reward is not None and segments == 1 and step > (1 - REWARDED) * steps:
            found = found + config.reward * reward(clean, y)
        return found

    for segments in SEGMENTS:
        label, stage = f"{segments} segment{'s' * (segments > 1)}", partial(loss, segments)
        mean = train_student(context, student, stage, steps=steps, lr_scale=config.lr_scale, label=label)
        student.load_state_dict(mean.state_dict())
    merge_adapters(student)
    return Generator(student, [Step(sigma=level) for level in context.levels(config.start)], context.space)


def _reward(context: Context) -> Callable[[Tensor, Tensor], Tensor]:
    """Negative mean log-likelihood of classes by a classifier that is trained on real entries."""
    entries = context.entries
    with scoped(context.seed, "reward"):
        classifier = MLP(entries.shape, entries.num_classes)
    fit(
        classifier,
        *entries.split("train"),
        valid=entries.split("valid"),
        metric="accuracy",
        task="multiclass",
        config=FitConfig(steps=300, batch_size=256),
        seed=context.seed,
    )
    classifier = classifier.to(context.device).eval().requires_grad_(False)
    return lambda x, y: F.cross_entropy(classifier(x), y)
