r"""DQ, dataset quantization: bins of real data, each spread over the data that earlier bins left, and some of each bin.

.. math:: i_t = \arg\max_{i \in P \setminus S} \sum_{j \in P} k_{ij} - 2 \sum_{j \in S} k_{ij}

:math:`P` are the entries of a class that earlier bins left, :math:`S` is the bin so far, and :math:`k` the cosine of
features of a network that was trained on all the data. The first bins hold typical entries, the last ones unusual
entries. No patches are dropped: the paper restores them with a large network of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.condense.matching.teachers import embeddings, train_teachers
from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.randomness import generator
from graphdistill.core.sets.synthetic import SyntheticSet

PAPER = "Zhou et al., ICCV 2023, https://arxiv.org/abs/2308.10524"
RESULT = Result(
    paper="ImageNet: the accuracy of all the data with 60 % of them (data not measured here)",
    ours=(
        "digits, 6 images a class: 0.950 ± 0.021 (random images 0.963 ± 0.012); planetoid-cora, 10 nodes a class: "
        "0.775 ± 0.021 (random nodes 0.762 ± 0.033)"
    ),
    command=(
        "python -m graphdistill.bench condense --parts methods --datasets digits planetoid-cora --per-class 6 10 "
        "--methods random dq"
    ),
    differs=(
        "Features of a network trained on all the data, where the paper has a pretrained one; no patches are dropped."
    ),
    instead="At these sizes it is a tie with random data or worse: use herding.",
)
FOR: tuple[Kind, ...] = ("images", "nodes")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of DQ."""

    bins: int = 10
    """Bins of a class (the paper's value), or as many as entries are kept where these are fewer."""

    def __post_init__(self) -> None:
        if self.bins < 1:
            raise ValueError(f"--bins must be 1 or more, got {self.bins}")


def select(context: MethodContext, config: Config) -> SyntheticSet:
    """Real entries of each class, classes one after another, the same share of every bin."""
    (net,) = train_teachers(context)
    features, draws = embeddings(context, net), generator(context.seed, "select")
    chosen = []
    for index in context.real.members:
        count = min(config.bins, context.per_class)
        order = index[binned(features[index], count)]
        for part, size in zip(order.tensor_split(count), sizes(context.per_class, count), strict=True):
            chosen.append(part[torch.randperm(len(part), generator=draws)[:size]])
    return context.real.select(torch.cat(chosen))


def sizes(total: int, parts: int) -> list[int]:
    """Sizes of parts as equal as can be, the larger ones first.

    Example:
        >>> sizes(5, 2)
        [3, 2]
    """
    return [len(part) for part in torch.arange(total).tensor_split(parts)]


def binned(x: Tensor, bins: int) -> Tensor:
    """Index of the rows of ``x`` (``[n, d]``) in the order in which equal bins take them, bin by bin, long ``[n]``.

    Example:
        >>> binned(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.1, 1.0], [0.2, 1.0]]), 2).tolist()
        [3, 2, 0, 1]
    """
    unit = F.normalize(x, dim=1)
    alike = unit @ unit.T
    left = torch.ones(len(x), dtype=torch.bool)
    chosen: list[int] = []
    for size in sizes(len(x), bins):
        gain = alike[:, left].sum(dim=1)
        for _ in range(size):
            chosen.append(int(gain.masked_fill(~left, -torch.inf).argmax()))
            left[chosen[-1]] = False
            gain = gain - 2 * alike[:, chosen[-1]]
    return torch.tensor(chosen)
