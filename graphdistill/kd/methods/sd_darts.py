r"""SD-DARTS-like: a differentiable search whose supernet is distilled from the vote of its own earlier states.

.. math:: \min_w \mathrm{CE}(y, z_{w, \alpha}) + \lambda \, \mathrm{KL}\bigl(\mathrm{vote}(p_{t-1}, \dots, p_{t-K})
    \,\Vert\, p_t\bigr), \qquad \min_\alpha \mathrm{CE}(y, z_{w, \alpha})

in turns, on two halves of the labelled entries, where :math:`\alpha` are the weights of the operations in a supernet
with the other weights w. Then each layer keeps its operation with the largest weight, and the network is trained on
the labels.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.networks.mixed import mixed_operations
from graphdistill.core.randomness import scoped
from graphdistill.core.training.loop import FitResult, Training, train
from graphdistill.core.training.sampler import RepeatedRandomSampler
from graphdistill.kd.data.view import Kind, View
from graphdistill.kd.losses.kl import kl_rows
from graphdistill.kd.objective import Context, Objective, label_loss
from graphdistill.kd.targets.voting import vote
from graphdistill.kd.training import fit_objective

PAPER = "Zhu et al., 2023, https://arxiv.org/abs/2302.05629"
RESULT = Result(
    paper="no checked number at hand",
    ours="digits-knn: trained cell 97.02 ± 0.62 (without voting 96.39 ± 0.95), sharpness 0.06 ± 0.05 (0.07 ± 0.06)",
    command="python -m graphdistill.bench kd --parts self",
    differs=(
        "The rule of the vote and the weight are ours, as they are not published; small cells of five operations, and "
        "the chosen ones keep their weights of the search."
    ),
    instead="A plain MLP or GCN student: voting flattens the search no more than its spread.",
)
FOR: tuple[Kind, ...] = ("nodes", "images")
TEACHER = False
COMPARED = {"without voting": {"weight": 0.0}}
STUDENT = {"nodes": "mixed-GNN", "images": "mixed-ConvNet"}


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of SD-DARTS."""

    weight: float = 1.0
    """Weight of the distillation; 0 is plain DARTS of first order."""
    teachers: int = 3
    """Number of earlier supernets that vote."""
    every: int = 10
    """Steps between two of them."""
    alpha_lr: float = 0.03
    """Learning rate of the weights of operations, ten times that of DARTS, as a search takes hundreds of steps here."""

    def __post_init__(self) -> None:
        if not 0 <= self.weight < float("inf"):
            raise ValueError(f"--weight must be 0 or more, got {self.weight}")
        for option, number in (("teachers", self.teachers), ("every", self.every)):
            if number < 1:
                raise ValueError(f"--{option} must be 1 or more, got {number}")
        if not self.alpha_lr > 0:
            raise ValueError(f"--alpha-lr must be above 0, got {self.alpha_lr}")


def check_networks(student: nn.Module, teacher: nn.Module, view: View, config: Config) -> None:
    """Check that there is a supernet, and labels for both halves.

    Raises:
        ValueError: the student is no supernet, or there are fewer than two labelled entries.
    """
    if not mixed_operations(student):
        raise ValueError(
            f"sd-darts needs a supernet, but the student is a {type(student).__name__} without mixed operations; give "
            "a network of graphdistill.core.networks.mixed (--student mixed-GNN or mixed-ConvNet)"
        )
    if len(view.labelled) < 2:
        raise ValueError(f"sd-darts needs 2 or more labelled entries, got {len(view.labelled)}")


def distill(context: Context, config: Config) -> FitResult:
    """Search, keep one operation of each layer, and train on labels, with the same number of steps.

    Raises:
        ValueError: the student is no supernet, or there are fewer than two labelled entries.
    """
    search(context, config)
    for operation in mixed_operations(context.student):
        operation.discretise()
    return fit_objective(
        context,
        Objective(loss=context.label_loss, uses_teacher=False),
        eval_every=context.data.TRAINING.eval_every,
        label="training",
    )


def search(context: Context, config: Config) -> None:
    """Train the weights and the operations' weights of a supernet in place.

    Args:
        context: the supernet, its data and hyperparameters.
        config: the vote.

    Raises:
        ValueError: the student is no supernet, or there are fewer than two labelled entries.
    """
    view, student = context.data, context.student
    check_networks(student, context.teacher, view, config)
    alphas: list[nn.Parameter] = [operation.alpha for operation in mixed_operations(student)]
    draws = context.generator("sd-darts", "halves")
    halves = view.labelled[torch.randperm(len(view.labelled), generator=draws)].tensor_split(2)
    samplers = [
        RepeatedRandomSampler(len(half), min(context.batch_size, len(half)), context.generator("sd-darts", i))
        for i, half in enumerate(halves)
    ]
    own = {id(alpha) for alpha in alphas}
    weights = [p for p in student.parameters() if id(p) not in own]
    optimizer = torch.optim.AdamW(weights, lr=context.lr, weight_decay=context.weight_decay)
    of_alphas = torch.optim.Adam(alphas, lr=config.alpha_lr, betas=(0.5, 0.999), weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, context.steps)
    earlier: deque[nn.Module] = deque(maxlen=config.teachers)
    step = 0

    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        first, second = (half[sampler.round()] for half, sampler in zip(halves, samplers, strict=True))
        yield first, second

    def labels_of(index: Tensor, logits: Tensor) -> Tensor:
        return label_loss(logits, view.labels(index).to(view.device), view.class_weight).mean()

    def loss(batch: tuple[Tensor, Tensor]) -> Tensor:
        logits = view.run(student, batch[0]).logits
        value = labels_of(batch[0], logits)
        if earlier:
            with torch.no_grad():
                voted = vote(torch.stack([view.run(net, batch[0]).logits.softmax(dim=1) for net in earlier]))
            value = value + config.weight * kl_rows(voted.clamp(min=1e-30).log(), logits.log_softmax(dim=1)).mean()
        return value

    def after_step(batch: tuple[Tensor, Tensor], value: Tensor) -> None:
        nonlocal step
        step += 1
        schedule.step()
        of_alphas.zero_grad()
        labels_of(batch[1], view.run(student, batch[1]).logits).backward(inputs=alphas)
        of_alphas.step()
        if config.weight and step % config.every == 0:
            earlier.append(copy.deepcopy(student).eval().requires_grad_(False))

    with scoped(context.seed, "kd", "sd-darts"):
        train(
            Training(student, optimizer, loss, after_step=after_step),
            batches,
            context.steps,
            progress=context.progress,
            label="search",
        )
    student.eval()


def sharpness(context: Context, index: Tensor) -> float:
    """Largest eigenvalue of the Hessian of the cross-entropy by the weights of the operations.

    Zela et al., ICLR 2020, https://arxiv.org/abs/1909.09656: the larger it is, the more is lost when one operation of
    each layer is kept.

    Args:
        context: the supernet and its data.
        index: labelled entries, long ``[n]``.
    """
    student, y = context.student.eval(), context.data.labels(index).to(context.device)
    alphas = [operation.alpha for operation in mixed_operations(student)]
    loss = F.cross_entropy(context.data.run(student, index).logits, y)
    gradient = torch.cat(torch.autograd.grad(loss, alphas, create_graph=True))
    rows = [torch.cat(torch.autograd.grad(value, alphas, retain_graph=True)) for value in gradient]
    return float(torch.linalg.eigvalsh(torch.stack(rows).double())[-1])
