r"""Hidden Chow-Liu trees, learnt by expectation maximisation.

.. math:: p(x) = \sum_z p(z_1) \, p(x_1 | z_1) \prod_{i > 1} p(z_i | z_{\pi(i)}) \, p(x_i | z_i)

with a hidden state :math:`z_i` for each variable and the Chow-Liu tree of the variables as the tree :math:`\pi` of the
states (Liu and Van den Broeck, NeurIPS 2021, https://arxiv.org/abs/2106.02264). They are the probabilistic circuits
that Liu, Mandt and Van den Broeck, ICLR 2022, https://arxiv.org/abs/2111.11632, compress images by.

Shape legend: N rows, D variables at places of a tree, H hidden states, L levels of values.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.core.codec.chow_liu import Tree
from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.config_checks import check_positive

LEAST = 1e-30
"""Smallest message, so that none is divided by 0."""


@dataclass(frozen=True, kw_only=True)
class CircuitConfig:
    """Size of a hidden Chow-Liu tree and its training."""

    states: int = 16
    """Hidden states of each variable (of 8, 16 and 32 the best on validation of digits)."""
    levels: int = 24
    """Levels of neighbouring values that states predict; which value of a level it is follows one distribution."""
    epochs: int = 40
    """Passes of expectation maximisation; the best one on validation is kept."""
    patience: int = 3
    """Passes without improvement on validation before it stops."""
    smoothing: float = 4.0
    """Counts that each state starts with, distributed as its variable is (of 1, 4 and 10 the best on validation of
    digits)."""
    structure_levels: int = 8
    """Levels by which the tree of the variables is found; its memory grows with their square."""
    batch_size: int = 2000
    """Rows at a time; it changes memory and not the result."""

    def __post_init__(self) -> None:
        check_positive(self, "states", "levels", "epochs", "patience", "structure_levels", "batch_size")
        if self.states > 64 or self.levels > 256:
            raise ValueError(f"at most 64 states and 256 levels, got {self.states} and {self.levels}")
        if not self.smoothing > 0:
            raise ValueError(f"smoothing must be above 0, got {self.smoothing}")


@dataclass(frozen=True)
class Parameters:
    """Probabilities of a hidden Chow-Liu tree.

    Attributes:
        first: of each state of the root, float ``[H]``.
        transition: of each state given its parent's, float ``[D, H, H]``; that of the root is not used.
        emission: of each level given the state, float ``[D, H, L]``.
    """

    first: Tensor
    transition: Tensor
    emission: Tensor


def fit_parameters(
    x: Tensor,
    tree: Tree,
    config: CircuitConfig,
    *,
    num_levels: int,
    generator: torch.Generator,
    valid: Tensor | None = None,
    progress: Progress = NO_PROGRESS,
) -> Parameters:
    """Learn the probabilities from rows of levels.

    Args:
        x: levels in the order of the tree's places, long ``[N, D]``.
        tree: tree of the variables.
        config: number of states and passes, smoothing.
        num_levels: number of levels L.
        generator: draws the first probabilities.
        valid: rows that the best pass is chosen on. (default: the last pass is kept)
        progress: shows a bar.
    """
    base = torch.stack([torch.bincount(column, minlength=num_levels) for column in x.T]).float()
    base = base + 5 * base.sum(dim=0) / base.sum() + 0.5 / num_levels
    base = (base / base.sum(dim=1, keepdim=True))[:, None]
    width, states = len(tree.parent), config.states
    noise = torch.rand(width, states, num_levels, generator=generator)
    # Neighbours start in alike states, so that a state soon means the same along a path.
    start = torch.rand(width, states, states, generator=generator) + torch.eye(states) * states / 2
    here = Parameters(torch.full((states,), 1 / states), _normalised(start), _normalised(base * (0.2 + noise)))
    best, least, since = here, float("inf"), 0
    for _ in progress.track(range(config.epochs), "learning a circuit"):
        here = _smoothed(_expected(x, tree, here, config.batch_size), base, config, len(x))
        if valid is None:
            best = here
            continue
        bits = float(-log_likelihood(valid, tree, here, config.batch_size).mean())
        best, least, since = (here, bits, 0) if bits < least else (best, least, since + 1)
        if since == config.patience:
            break
    return best


def log_likelihood(x: Tensor, tree: Tree, parameters: Parameters, batch_size: int = 2000) -> Tensor:
    """Logarithm to base 2 of the probability of each row of levels, float ``[N]``."""
    found = [_upward(rows, tree, parameters)[2] for rows in x.split(batch_size)]
    return torch.cat(found) / torch.tensor(2.0).log()


def _upward(x: Tensor, tree: Tree, parameters: Parameters) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Evidence at each place ``[n, H]``, its message to the parent ``[n, H]``, and the log likelihood ``[n]``."""
    parent, width = tree.parent.tolist(), len(tree.parent)
    log_scale, inbox = torch.zeros(len(x)), list[Tensor | None]([None] * width)
    evidence, message = list[Tensor]([torch.empty(0)] * width), list[Tensor]([torch.empty(0)] * width)
    for place in range(width - 1, -1, -1):
        found = parameters.emission[place].T[x[:, place]]
        collected = inbox[place]
        found = found if collected is None else found * collected
        top = found.amax(dim=1, keepdim=True).clamp(min=LEAST)
        evidence[place] = found / top
        log_scale += top[:, 0].log()
        if place:
            sent = message[place] = (evidence[place] @ parameters.transition[place].T).clamp(min=LEAST)
            before = inbox[parent[place]]
            inbox[parent[place]] = sent if before is None else before * sent
    return evidence, message, log_scale + (evidence[0] @ parameters.first).log()


def _expected(x: Tensor, tree: Tree, parameters: Parameters, batch_size: int) -> Parameters:
    """Expected counts of states, transitions and emissions."""
    parent = tree.parent.tolist()
    counts = Parameters(*(torch.zeros_like(p) for p in (parameters.first, parameters.transition, parameters.emission)))
    for rows in x.split(batch_size):
        evidence, message, _ = _upward(rows, tree, parameters)
        posterior = list[Tensor]()
        for place, above in enumerate(parent):
            if place:
                outside = posterior[above] / message[place]
                counts.transition[place] += (outside.T @ evidence[place]) * parameters.transition[place]
                here = evidence[place] * (outside @ parameters.transition[place])
            else:
                here = evidence[0] * parameters.first
            posterior.append(here / here.sum(dim=1, keepdim=True).clamp(min=LEAST))
            counts.emission[place].T.index_add_(0, rows[:, place], posterior[place])
        counts.first.add_(posterior[0].sum(dim=0))
    return counts


def _smoothed(counts: Parameters, base: Tensor, config: CircuitConfig, num_rows: int) -> Parameters:
    """Probabilities from expected counts, with some counts of each variable's own distribution."""
    mean = counts.transition.sum(dim=1, keepdim=True) / num_rows
    return Parameters(
        _normalised(counts.first + 1 / config.states),
        _normalised(counts.transition + mean + 1e-6),
        _normalised(counts.emission + config.smoothing * base),
    )


def _normalised(values: Tensor) -> Tensor:
    return values / values.sum(dim=-1, keepdim=True)
