r"""Random data with a teacher's labels: knowledge distillation on what pruning at random leaves.

.. math:: y_i = (1 - \alpha) \, \mathrm{onehot}(y_i) + \alpha \, \mathrm{softmax}(f(x_i) / T)

:math:`f` is a teacher that was trained on all the data, and :math:`\alpha` the share of the data that is left out: the
fewer are kept, the more it says. The labels are stored with the set and count among its bytes, so any network learns
from them by cross-entropy alone; the paper's loss has the temperature on the student's side, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch.nn.functional as F
from torch import Tensor

from graphdistill.condense.data.learnable import stored_labels
from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import Setting
from graphdistill.condense.matching.teachers import answers, teach
from graphdistill.core.methods import MethodConfig
from graphdistill.core.randomness import generator
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights

PAPER = "Ben-Baruch et al., ICML 2025, https://arxiv.org/abs/2403.07854"
FOR: tuple[Kind, ...] = ("images", "nodes")

TEMPERATURE = 2.0
"""Of the teacher (a guess: on validation of digits, two of each class, 4 does as well)."""


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


def select(setting: Setting, config: Config) -> SyntheticSet:
    """So many random entries of each class, the ones that ``random`` takes, with soft labels."""
    rows = setting.real.pick(setting.per_class, generator(setting.seed, "select"))
    return taught(setting, rows)


def taught(
    setting: Setting, rows: Tensor, alpha: float | None = None, temperature: float = TEMPERATURE
) -> SyntheticSet:
    """The training entries numbered ``rows`` with a teacher's labels.

    Args:
        setting: data, protocol, seed.
        rows: numbers of the entries, long ``[n]``; by whatever method they were chosen.
        alpha: weight of the teacher, from 0 to 1. (default: the share of the data that is left out; on validation of
            digits, two of each class, 0.91 where one half gives 0.89 and hard labels 0.85)
        temperature: of the teacher. (default: 2)
    """
    real, (net,) = setting.real, teach(setting)
    alpha = 1 - len(rows) / len(real) if alpha is None else alpha
    soft = (answers(setting, net)[rows] / temperature).softmax(dim=1)
    y = stored_labels((1 - alpha) * F.one_hot(real.y[rows], real.num_classes) + alpha * soft)
    return replace(real.select(rows), y=y, weight=class_weights(y))
