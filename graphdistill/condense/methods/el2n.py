r"""EL2N: the real data that networks early in training find easiest or hardest, whichever is best on validation.

.. math:: s_i = \frac{1}{K} \sum_k \big\| \mathrm{softmax}(f_k(x_i)) - \mathrm{onehot}(y_i) \big\|

The paper keeps most of the data, and the hardest. A set of a few of each class has no room for exceptions: on
validation of digits, two of each class, the hardest give 0.39, random images 0.85 and the easiest 0.88; six of each
class give 0.61, 0.97 and 0.92. With more entries that changes, so a training on each of the two sets decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.condense.matching.teachers import predictions, train_teachers
from graphdistill.core.evaluation.protocol import valid_score
from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.sets.synthetic import SyntheticSet

PAPER = "Paul et al., NeurIPS 2021, https://arxiv.org/abs/2107.07075"
RESULT = Result(
    paper="none to compare: the paper keeps most of the data, not a few of each class",
    ours=(
        "digits, 1 image a class: 0.896 ± 0.015 (random images 0.777 ± 0.061); 6: 0.940 ± 0.008 (random images "
        "0.963 ± 0.012)"
    ),
    command=(
        "python -m graphdistill.bench condense --parts methods --datasets digits --per-class 1 6 --methods random "
        "herding el2n"
    ),
    differs="The easiest or the hardest entries, whichever are best on validation; the paper keeps the hardest.",
    instead="Use herding, which trains no network: 0.916 ± 0.017 with 1 image a class.",
)
FOR: tuple[Kind, ...] = ("images", "nodes")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of EL2N."""

    scoring_networks: int = 5
    """Networks whose errors are averaged, each of which is trained for a while; the paper has 10."""
    training_share: float = 0.1
    """Share of a training that they take before they are used (20 of 200 epochs in the paper)."""

    def __post_init__(self) -> None:
        if self.scoring_networks < 1:
            raise ValueError(f"--scoring-networks must be 1 or more, got {self.scoring_networks}")
        if not 0 < self.training_share <= 1:
            raise ValueError(f"--training-share must be above 0 and at most 1, got {self.training_share}")


def select(context: MethodContext, config: Config) -> SyntheticSet:
    """The easiest or the hardest entries of each class, whichever set is best on validation."""
    score = scores(context, config)
    sets = {name: keep(context, s) for name, s in (("easiest", -score), ("hardest", score))}
    valid = {name: valid_score(context.protocol, synthetic) for name, synthetic in sets.items()}
    best = max(valid, key=lambda name: valid[name])
    return replace(sets[best], meta={"kept": best, "valid": valid[best]})


def scores(context: MethodContext, config: Config) -> Tensor:
    """EL2N of every training entry, ``[n]``: from 0, correct and certain, to the root of 2."""
    nets = train_teachers(context, config.scoring_networks, config.training_share)
    return torch.stack([error_norm(predictions(context, net), context.real.y.cpu()) for net in nets]).mean(dim=0)


def error_norm(logits: Tensor, y: Tensor) -> Tensor:
    """Length of the difference between predicted probabilities and the one-hot label, ``[n]``.

    Example:
        >>> error_norm(torch.tensor([[0.0, 0.0], [99.0, 0.0]]), torch.tensor([0, 0])).tolist()
        [0.7071067690849304, 0.0]
    """
    error: Tensor = logits.softmax(dim=1) - F.one_hot(y, logits.shape[1])
    return error.square().sum(dim=1).sqrt()


def keep(context: MethodContext, score: Tensor) -> SyntheticSet:
    """The entries of the largest score of each class, classes one after another."""
    best = [
        index[score[index].argsort(descending=True, stable=True)[: context.per_class]] for index in context.real.members
    ]
    return context.real.select(torch.cat(best))
