"""Several teachers as one network, whose probabilities are the mean of theirs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from graphdistill.kd.inputs import BatchModule, Inputs, call
from graphdistill.kd.losses.kl import finite_log


class WeightedTeachers(BatchModule):
    r"""Several teachers as one, with a weight for each.

    .. math:: z = \log \sum_s \alpha_s \, \mathrm{softmax}(z_s), \quad \alpha_s = w_s / \sum_r w_r

    Its logits are log-probabilities. The teachers may be of any kind: each gets those inputs that its ``forward``
    names. One with weight 0 does not run.

    Args:
        modules: the teachers.
        weights: a weight of each, 0 or more.

    Raises:
        ValueError: there is no teacher, or the weights are not as many, are negative, not finite or all 0; in a call,
            the teachers have different classes.

    Shapes:
        - **inputs**: named inputs of a batch
        - **output**: ``[n, C]``

    Example:
        >>> first, second = nn.Linear(3, 2), nn.Linear(3, 2)
        >>> batch = Inputs("x", {"x": torch.ones(4, 3)})
        >>> both = call(WeightedTeachers([first, second], [3.0, 1.0]), batch).softmax(1)
        >>> torch.allclose(both, 0.75 * call(first, batch).softmax(1) + 0.25 * call(second, batch).softmax(1))
        True
    """

    weights: Tensor

    def __init__(self, modules: Sequence[nn.Module], weights: Sequence[float] | Tensor):
        super().__init__(modules)
        given = [float(weight) for weight in weights]
        if not self.members:
            raise ValueError("there is no teacher; give one or more networks")
        if len(given) != len(self.members):
            raise ValueError(f"weights has {len(given)} values for {len(self.members)} teachers; give one for each")
        if not all(0 <= weight < math.inf for weight in given) or not sum(given) > 0:
            raise ValueError(f"weights must be 0 or more and not all 0, got {given}")
        self.register_buffer("weights", torch.tensor(given) / sum(given))

    def forward(self, inputs: Inputs) -> Tensor:
        """Logarithms of the weighted mean of the probabilities."""
        used = [i for i, weight in enumerate(self.weights.tolist()) if weight > 0]
        logits = [call(self.members[i], inputs) for i in used]
        widths = {i + 1: part.shape[-1] for i, part in zip(used, logits, strict=True)}
        if len(set(widths.values())) > 1:
            found = ", ".join(f"teacher {i} has {width}" for i, width in widths.items())
            raise ValueError(f"several teachers must have the same classes: {found}; leave out those of other classes")
        weighted = [part.log_softmax(-1) + self.weights[i].log() for i, part in zip(used, logits, strict=True)]
        return finite_log(torch.stack(weighted).logsumexp(0))


class MeanTeachers(WeightedTeachers):
    """Several teachers as one, with equal weights; see :class:`WeightedTeachers`.

    Args:
        modules: the teachers.

    Raises:
        ValueError: there is no teacher; in a call, the teachers have different classes.

    Example:
        >>> both = MeanTeachers([nn.Linear(3, 2), nn.Linear(3, 2)])
        >>> logits = call(both, Inputs("x", {"x": torch.ones(4, 3)}))
        >>> logits.shape, bool(torch.allclose(logits.exp().sum(1), torch.ones(4)))
        (torch.Size([4, 2]), True)
    """

    def __init__(self, modules: Sequence[nn.Module]):
        super().__init__(modules, [1.0] * len(modules))
