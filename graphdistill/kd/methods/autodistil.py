r"""AutoDistil: supernets are distilled once, and the sub-net of least distillation loss under a cost cap is taken.

.. math:: L = w_r \sum_{A \in \{Q, K, V\}} \overline{\Big(\frac{A_s A_s^\top}{\sqrt{d_s'}}
    - \frac{A_t A_t^\top}{\sqrt{d_t'}}\Big)^2} + w \, \mathrm{KD}_T(z_s, z_t) + w_y \, \mathrm{CE}(y, z_s)

The family of the student that is given is divided into sub-spaces by width, each with one supernet, whose weights all
of its students share. A step is the sum of the loss over the largest, the smallest and two random students. Q, K, V are
of the last attention layer, divided anew into the teacher's number of heads; on nodes A is the last hidden layer of
some nodes. The search is by the loss without labels on validation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from graphdistill.core.methods import Result
from graphdistill.core.networks.transformer import Transformer
from graphdistill.core.parallel import one_thread
from graphdistill.core.randomness import scoped
from graphdistill.core.training.loop import BestScore, FitResult, Training, train
from graphdistill.core.training.sampler import RepeatedRandomSampler
from graphdistill.kd.architectures.cost import affordable
from graphdistill.kd.architectures.similarity import check_teacher
from graphdistill.kd.architectures.space import Choice, Space, space_of
from graphdistill.kd.architectures.supernet import Supernet
from graphdistill.kd.data.view import Kind, View
from graphdistill.kd.features.scaled_relations import ScaledRelations
from graphdistill.kd.losses.kl import KD
from graphdistill.kd.methods import kd
from graphdistill.kd.objective import Batch, Context, FoundStudent
from graphdistill.kd.outputs import PENULTIMATE, Outputs

PAPER = "Xu et al., NeurIPS 2022, https://arxiv.org/abs/2201.12507"
RESULT = Result(
    paper="no checked number at hand",
    ours="digits-knn, width 32: 94.83 ± 0.81 (trained alone 94.02 ± 0.85, by KD 94.14 ± 0.88)",
    command="python -m graphdistill.bench kd --parts search",
    differs=(
        "The student is taken without retraining, where the released pipeline fine-tunes candidates; so logits and "
        "labels have losses, too, while its loss has relations alone. Small networks; on nodes widths alone."
    ),
    instead="A student of one known size: kd trains it in a fraction of the time.",
)
FOR: tuple[Kind, ...] = ("nodes", "text")
STUDENT = {"text": "Transformer-16"}


@dataclass(frozen=True, kw_only=True)
class Config(kd.Config):
    """Options of AutoDistil."""

    budget: int | None = None
    """The most that a student may cost (default: the cost of the student that is given)."""
    cost: Literal["parameters", "multiply-adds"] = "multiply-adds"
    """What a student costs: its parameters, or the multiply-adds of the prediction of one entry, as in the paper."""
    relation_weight: float = 0.01
    """Weight of the relations of the last layer. The released code has them alone and fine-tunes afterwards; without
    that 1 and 0.1 cost accuracy, on validation of digits-knn: relations without a norm outweigh logits."""
    spaces: int = 3
    """Sub-spaces, each with a supernet; 3 in the paper. Those in which no student fits the budget are not trained."""
    random: int = 2
    """Random students in each step, in addition to the largest and the smallest; 2 in the released code."""
    clip: float = 1.0
    """Largest norm of the gradient, 1 in the released code."""
    entries: int = 256
    """Nodes of a step whose relations are compared, of all nodes at random."""

    def __post_init__(self) -> None:
        kd.Config.__post_init__(self)
        if not 0 <= self.relation_weight < float("inf"):
            raise ValueError(f"--relation-weight must be 0 or more, got {self.relation_weight}")
        if not self.clip > 0:
            raise ValueError(f"--clip must be above 0, got {self.clip}")
        for name, least in (("budget", 1), ("spaces", 1), ("random", 0), ("entries", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"--{name} must be {least} or more, got {value}")


def distill(context: Context, config: Config) -> FoundStudent:
    """Supernets of all sub-spaces with a student that fits, then the search."""
    view = context.data
    space, fitting = check_networks(context.student, context.teacher, view, config)
    valid = [(part, teacher_answers(context, part)) for part in view.data.valid.split(context.batch_size)]
    best: tuple[float, Choice, Supernet, FitResult] | None = None
    seconds = 0.0
    for part in space.split("width", config.spaces):
        candidates = [choice for choice in part.choices() if choice in fitting]
        if not candidates:
            continue
        supernet, fitted = train_supernet(context, config, part)
        seconds += fitted.seconds
        for choice in candidates:
            loss = distillation_loss(context, config, supernet.subnet(choice), valid)
            if best is None or loss < best[0]:
                best = loss, choice, supernet, fitted
    assert best is not None
    _, choice, supernet, fitted = best
    network = supernet.extract(choice)
    return FoundStudent(
        view.score(network, "valid"), fitted.step, seconds, network=network, architecture=space.sizes(choice)
    )


def check_networks(
    student: nn.Module, teacher: nn.Module, view: View, config: Config
) -> tuple[Space, dict[Choice, int]]:
    """The students that can be searched, and the cost of those within the budget.

    Raises:
        ValueError: as :func:`searched_space`, or no student is within the budget.
    """
    space = searched_space(student, teacher, view)
    return space, affordable(space, student, view, config.cost, config.budget)


def searched_space(student: nn.Module, teacher: nn.Module, view: View) -> Space:
    """The students that a supernet can have: of nodes with the depth of the one that is given, of text transformers.

    Raises:
        ValueError: only logits of the teacher are at hand, the student is of no family, or one of the networks for text
            is no transformer.
    """
    check_teacher(teacher, view)
    if view.KIND == "nodes":
        space = space_of(student, view)
        return space.fixed(depth=space.own["depth"])
    for role, network in (("student", student), ("teacher", teacher)):
        if not isinstance(network, Transformer):
            raise ValueError(
                f"autodistil on text compares attention, but the {role} is a {type(network).__name__}; give a "
                "Transformer, such as --student Transformer-16, or choose kd"
            )
    space = space_of(student, view)
    widths = tuple(width for width in space.axes["width"] if width >= _heads(teacher))
    return replace(space, axes={**space.axes, "width": widths})


@one_thread()
def train_supernet(context: Context, config: Config, space: Space) -> tuple[Supernet, FitResult]:
    """Train the supernet of a space; the checkpoint is the best one on validation in the mean of smallest and largest.

    Args:
        context: teacher, data and hyperparameters.
        config: the loss, and the students of a step.
        space: the students.

    Raises:
        ValueError: the gradient is not finite.
    """
    view, index = context.data, context.data.train
    supernet = Supernet(space, context.seed).to(view.device)
    size = min(context.batch_size, len(index))
    sampler = RepeatedRandomSampler(len(index), size, context.generator("batches"))
    draws, choices = context.generator("autodistil", "students"), space.choices()
    compare = comparison(context, config)
    step = 0

    def batches(epoch: int) -> Iterator[Tensor]:
        yield index if size == len(index) else index[sampler.round()]

    def loss(entries: Tensor) -> Tensor:
        more = [choices[int(torch.randint(len(choices), (), generator=draws))] for _ in range(config.random)]
        total, known = torch.zeros((), device=view.device), teacher_answers(context, entries)
        for choice in dict.fromkeys((supernet.largest, supernet.smallest, *more)):
            total = total + compare(supernet.subnet(choice), entries, known, step / context.steps)
        return total

    def clip() -> None:
        norm = float(nn.utils.clip_grad_norm_(supernet.parameters(), config.clip))
        if norm != norm or norm == float("inf"):
            raise ValueError(
                f"the gradient has norm {norm} at step {step + 1}; lower the learning rate, which is {context.lr}"
            )

    def after_step(entries: Tensor, value: Tensor) -> None:
        nonlocal step
        step += 1
        schedule.step()

    def check() -> float:
        return sum(view.score(supernet.subnet(choice), "valid") for choice in (supernet.smallest, supernet.largest)) / 2

    optimizer = torch.optim.AdamW(supernet.parameters(), lr=context.lr, weight_decay=context.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, context.steps)
    training = Training(supernet, optimizer, loss, check, BestScore(), after_backward=clip, after_step=after_step)
    every = view.TRAINING.eval_every
    with scoped(context.seed, "kd", "dropout"):
        fitted = train(training, batches, context.steps, eval_every=every, progress=context.progress, label="supernet")
    return supernet, fitted


@torch.no_grad()
def teacher_answers(context: Context, index: Tensor) -> Outputs:
    """What the teacher gives on entries, with the layer whose relations are compared."""
    return context.data.run(context.teacher, index, (_compared_layer(context, context.teacher),))


def comparison(context: Context, config: Config) -> Callable[[nn.Module, Tensor, Outputs, float], Tensor]:
    """The loss of a student on entries with the teacher's answers, also of the share of the training that is done."""
    view, teacher, draws = context.data, context.teacher, context.generator("loss")
    divergence = KD(config.temperature)
    on_logits = kd.with_labels(context, config, lambda batch: divergence(batch.student.logits, batch.teacher.logits))
    nodes = view.KIND == "nodes"
    relations = ScaledRelations(parts=1) if nodes else ScaledRelations(_heads(teacher))
    known_layer = _compared_layer(context, teacher)

    def loss(network: nn.Module, index: Tensor, known: Outputs, fraction_done: float) -> Tensor:
        layer, inputs = _compared_layer(context, network), view.inputs(index)
        found = view.run(network, index, (layer,), inputs)
        ours, theirs, mask = found.features[layer], known.features[known_layer], None
        if nodes:
            some = torch.randperm(len(index), generator=draws)[: config.entries].to(view.device)
            ours, theirs = ours[some][None], theirs[some][None]
        else:
            mask = inputs["attention_mask"].bool()
        y = view.known(index).to(view.device)
        value = on_logits(Batch(index, inputs, y, found, known, fraction_done, draws)).mean()
        return value + config.relation_weight * relations(ours, theirs, mask).mean()

    return loss


@torch.no_grad()
def distillation_loss(
    context: Context, config: Config, student: nn.Module, valid: Sequence[tuple[Tensor, Outputs]]
) -> float:
    """The loss of a student on validation entries with the teacher's answers, without labels, in evaluation mode."""
    compare = comparison(context, replace(config, label_weight=0.0))
    student.eval()
    parts = [(len(part), float(compare(student, part, known, 1.0))) for part, known in valid]
    return sum(count * value for count, value in parts) / sum(count for count, _ in parts)


def _compared_layer(context: Context, network: nn.Module) -> str:
    """Path of the layer whose relations are compared."""
    return PENULTIMATE if context.data.KIND == "nodes" else _last_attention(network)


def _last_attention(network: nn.Module) -> str:
    """Path of the layer of queries, keys and values of the last block."""
    assert isinstance(network, Transformer)
    return f"blocks.{len(network.blocks) - 1}.attention.qkv"


def _heads(network: nn.Module) -> int:
    """Attention heads of the first block."""
    assert isinstance(network, Transformer)
    heads: int = network.blocks[0].attention.heads  # type: ignore[union-attr, assignment]
    return heads
