r"""EL2N: the real data that networks early in training find easiest, or hardest, whichever validation likes.

.. math:: s_i = \frac{1}{K} \sum_k \big\| \mathrm{softmax}(f_k(x_i)) - \mathrm{onehot}(y_i) \big\|

The paper keeps the hardest, and most of the data. A set of a few of each class has no room for exceptions: on
validation of digits, two of each class, the hardest give 0.39, random images 0.85 and the easiest 0.88; of six it is
0.61, 0.97 and 0.92. The more are kept the sooner that turns, so a short training on each of both ends decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import Setting
from graphdistill.condense.matching.teachers import answers, teach
from graphdistill.core.evaluation.protocol import valid_score
from graphdistill.core.methods import MethodConfig
from graphdistill.core.sets.synthetic import SyntheticSet

PAPER = "Paul et al., NeurIPS 2021, https://arxiv.org/abs/2107.07075"
FOR: tuple[Kind, ...] = ("images", "nodes")

NETWORKS = 5
"""Networks that are asked; the paper has 10."""
EARLY = 0.1
"""Share of a training that they have behind them: 20 of 200 epochs in the paper."""


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


def select(setting: Setting, config: Config) -> SyntheticSet:
    """So many entries of each class; of the easiest and the hardest what validation likes."""
    score = scores(setting)
    sets = {name: keep(setting, s) for name, s in (("easiest", -score), ("hardest", score))}
    valid = {name: valid_score(setting.protocol, small) for name, small in sets.items()}
    liked = max(valid, key=lambda name: valid[name])
    return replace(sets[liked], meta={"kept": liked, "valid": valid[liked]})


def scores(setting: Setting) -> Tensor:
    """EL2N of every training entry, ``[n]``: from 0, right and sure, to the root of 2."""
    nets = teach(setting, NETWORKS, EARLY)
    return torch.stack([error_norm(answers(setting, net), setting.real.y) for net in nets]).mean(dim=0)


def error_norm(logits: Tensor, y: Tensor) -> Tensor:
    """Length of the difference between predicted shares and the one class that is right, ``[n]``.

    Example:
        >>> error_norm(torch.tensor([[0.0, 0.0], [99.0, 0.0]]), torch.tensor([0, 0])).tolist()
        [0.7071067690849304, 0.0]
    """
    error: Tensor = logits.softmax(dim=1) - F.one_hot(y, logits.shape[1])
    return error.square().sum(dim=1).sqrt()


def keep(setting: Setting, score: Tensor) -> SyntheticSet:
    """The entries of the largest score of each class, classes one after another."""
    best = [
        rows[score[rows].argsort(descending=True, stable=True)[: setting.per_class]] for rows in setting.real.members
    ]
    return setting.real.select(torch.cat(best))
