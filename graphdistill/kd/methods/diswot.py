r"""DisWOT: the student that, untrained, is most like the teacher is searched under a cost cap, then distilled by KD.

.. math:: \max_s \; -w_1 \big\| \mathcal{N}(g_t g_t^\top) - \mathcal{N}(g_s g_s^\top) \big\|_F^2
    - w_2 \, \tfrac{1}{n^2} \big\| \mathcal{N}(A_t A_t^\top) - \mathcal{N}(A_s A_s^\top) \big\|_F^2

g is the gradient of the cross-entropy in the weights of the last linear layer, a row a class, A the last feature map, a
row an entry, both on one batch; N scales rows to unit length. Teacher and students have new weights, so that nothing is
trained in the search, regularised evolution over the family of the student that is given.

In the published code the score is spread over several files. The file of measures that has the method's name holds
another score, one of batch norms; the search on NAS-Bench-201 has the second term commented out, and relations of
channels there need networks of equal width. Relations of classes do not, so both terms are in use here.
"""

from __future__ import annotations

import copy
import statistics
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import nn

from graphdistill.core.methods import Result
from graphdistill.core.randomness import generator, scoped
from graphdistill.kd.architectures.cost import affordable
from graphdistill.kd.architectures.evolution import evolve
from graphdistill.kd.architectures.similarity import (
    check_teacher,
    last_gradient,
    relation_similarity,
    semantic_similarity,
)
from graphdistill.kd.architectures.space import Choice, Space, space_of
from graphdistill.kd.data.view import Kind, View
from graphdistill.kd.methods import kd
from graphdistill.kd.objective import Context, FoundStudent
from graphdistill.kd.training import fit_objective

PAPER = "Dong et al., CVPR 2023, https://arxiv.org/abs/2303.15678"
RESULT = Result(
    paper="no checked number at hand",
    ours="Kendall's tau with accuracy: digits 0.075 ± 0.153 (number of parameters 0.876 ± 0.034), cora 0.428 ± 0.018 "
    "(0.579 ± 0.034)",
    command="python -m graphdistill.bench kd --parts search",
    differs=(
        "Relations of classes instead of channels, so that students of any width can be scored; families of small "
        "networks, where the paper searches cells and residual networks."
    ),
    instead="Over all students of a family the number of parameters follows accuracy more closely than the score.",
)
FOR: tuple[Kind, ...] = ("nodes", "images", "text")
STUDENT = {"text": "Transformer-16"}


@dataclass(frozen=True, kw_only=True)
class Config(kd.Config):
    """Options of DisWOT; those of KD are for the student that was found."""

    budget: int | None = None
    """The most that a student may cost (default: the cost of the student that is given)."""
    cost: Literal["parameters", "multiply-adds"] = "parameters"
    """What a student costs: its parameters, or the multiply-adds of the prediction of one entry."""
    semantic_weight: float = 1.0
    """Weight of the relations of classes, 1 in the paper."""
    relation_weight: float = 1.0
    """Weight of the relations of entries, 1 in the paper."""
    trained_teacher: bool = False
    """Compare with the trained teacher; the paper compares with one that has new weights, as the students have."""
    entries: int = 256
    """Labelled entries of the batch that networks are compared on; of fewer, all. With 64 the score follows accuracy
    less closely, on validation of cora."""
    repeats: int = 5
    """Batches, each with its new weights, over which a score is the mean: one alone is noisy."""
    population: int = 20
    """Members of the population of regularised evolution."""
    sample: int = 5
    """Members that compete to be a parent."""
    children: int = 100
    """Number of children; a student that was scored before costs nothing."""

    def __post_init__(self) -> None:
        kd.Config.__post_init__(self)
        for name in ("semantic_weight", "relation_weight"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"--{name.replace('_', '-')} must be 0 or more, got {getattr(self, name)}")
        for name in ("budget", "entries", "repeats", "population", "sample", "children"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"--{name} must be 1 or more, got {value}")


def check_networks(
    student: nn.Module, teacher: nn.Module, view: View, config: Config
) -> tuple[Space, dict[Choice, int]]:
    """The students that can be searched, and the cost of those within the budget.

    Raises:
        ValueError: the student is of no family, none of its family is within the budget, or the teacher has no layers
            to compare: it is several networks, or its stored logits.
    """
    check_teacher(teacher, view)
    space = space_of(student, view)
    return space, affordable(space, student, view, config.cost, config.budget)


def distill(context: Context, config: Config) -> FoundStudent:
    """The search, then KD of the student that was found."""
    view = context.data
    space, fitting = check_networks(context.student, context.teacher, view, config)
    scores = Scores(context.teacher, view, space, config, context.seed)
    found = evolve(
        list(fitting),
        lambda choice: scores(choice).total,
        context.generator("diswot"),
        population=config.population,
        sample=config.sample,
        children=config.children,
    )
    best = next(iter(found))
    student = space.build(best, context.seed).to(view.device)
    context = replace(context, student=student)
    fitted = fit_objective(context, kd.objective(context, config), eval_every=view.TRAINING.eval_every)
    return FoundStudent(fitted.valid, fitted.step, fitted.seconds, network=student, architecture=space.sizes(best))


@dataclass(frozen=True)
class Similarity:
    """How alike a student and the teacher are.

    Attributes:
        semantic: the similarity of the relations of classes.
        relation: the similarity of the relations of entries.
        total: their weighted sum.
    """

    semantic: float
    relation: float
    total: float


class Scores:
    """Scores students of a space without training.

    Args:
        teacher: the teacher.
        view: the data.
        space: the students.
        config: weights of both terms, and the number of batches and entries.
        seed: seed of the batches and of all new weights. (default: 0)

    Raises:
        ValueError: the teacher has no layers to compare: it is several networks, or its stored logits.
    """

    def __init__(self, teacher: nn.Module, view: View, space: Space, config: Config, seed: int = 0):
        check_teacher(teacher, view)
        self.view, self.space, self.config, self.seed = view, space, config, seed
        self.batches, self.teachers = [], []
        for repeat in range(config.repeats):
            order = torch.randperm(len(view.labelled), generator=generator(seed, "kd", "diswot", repeat))
            self.batches.append(view.labelled[order[: config.entries]])
            compared = teacher if config.trained_teacher else with_new_weights(teacher, seed, repeat)
            self.teachers.append(last_gradient(compared, view, self.batches[-1]))

    def __call__(self, choice: Choice) -> Similarity:
        """Mean similarity of the student of a choice over the batches."""
        semantic, relation = [], []
        for repeat, (index, known) in enumerate(zip(self.batches, self.teachers, strict=True)):
            student = self.space.build(choice, self.seed + repeat).to(self.view.device)
            gradient, features = last_gradient(student, self.view, index)
            semantic.append(semantic_similarity(gradient, known[0]))
            relation.append(relation_similarity(features, known[1]))
        s, r = statistics.fmean(semantic), statistics.fmean(relation)
        return Similarity(s, r, self.config.semantic_weight * s + self.config.relation_weight * r)


def with_new_weights(network: nn.Module, seed: int, *purpose: object) -> nn.Module:
    """A copy of a network whose layers have new weights; parameters that belong to no layer stay.

    Example:
        >>> net = nn.Linear(3, 2)
        >>> again = with_new_weights(net, 0)
        >>> torch.equal(net.weight, again.weight), torch.equal(again.weight, with_new_weights(net, 0).weight)
        (False, True)
    """
    fresh = copy.deepcopy(network)
    with scoped(seed, "kd", "new weights", *purpose):
        for part in fresh.modules():
            reset = getattr(part, "reset_parameters", None)
            if callable(reset):
                reset()
    return fresh
