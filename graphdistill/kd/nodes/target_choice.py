"""Targets that validation chooses: the mean of the label spreadings that are as good as the best one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.kd.nodes.label_spreading import feature_neighbours, spread_soft_labels, spreading_graph

Spreading = tuple[int, float, float]
"""Rounds of label spreading, share of the teacher's label in each round, and weight of edges between like features."""

EXPONENTS = 0.01, 1000.0
"""Range of exponents of soft labels: nearly uniform to nearly hard."""

HARDNESS = 1.0, 0.3, 0.1, 0.03
"""Entropies of soft labels, as shares of the wanted one, on the way to nearly hard ones."""


def class_mass_normalization(soft: Tensor, mass: Tensor, rounds: int = 50) -> Tensor:
    r"""Weight the classes so that the mean of soft labels is given (Zhu, Ghahramani and Lafferty, ICML 2003).

    .. math:: T_{ic} \propto b_c P_{ic}, \quad \frac{1}{N} \sum_i T_{ic} = m_c

    Args:
        soft: probabilities ``[N, C]``.
        mass: the wanted mean :math:`m`, ``[C]``, which sums to 1.
        rounds: rounds of the fixed-point iteration. (default: 50)

    Example:
        >>> soft = torch.tensor([[0.9, 0.1], [0.6, 0.4]])
        >>> class_mass_normalization(soft, torch.tensor([0.5, 0.5])).mean(dim=0).round(decimals=3).tolist()
        [0.5, 0.5]
    """
    log_p, log_m = _log(soft), _log(mass)
    bias = torch.zeros_like(log_m)
    for _ in range(rounds):
        bias = bias + log_m - _log((log_p + bias).softmax(dim=1).mean(dim=0))
    return (log_p + bias).softmax(dim=1)


def mean_entropy(soft: Tensor) -> float:
    """Mean entropy of soft labels ``[N, C]``, in nats.

    Example:
        >>> round(mean_entropy(torch.tensor([[0.5, 0.5], [1.0, 0.0]])), 4)
        0.3466
    """
    return float(-(soft * _log(soft)).sum(dim=1).mean())


def with_entropy(soft: Tensor, entropy: float) -> Tensor:
    r"""Sharpen or flatten soft labels to a mean entropy, by an exponent :math:`T_{ic} \propto P_{ic}^s`.

    Args:
        soft: probabilities ``[N, C]``.
        entropy: the wanted mean entropy, in nats; as near as an exponent from 0.01 to 1000 gets.

    Example:
        >>> soft = with_entropy(torch.tensor([[0.6, 0.4], [0.1, 0.9]]), 0.1)
        >>> round(mean_entropy(soft), 3), soft.argmax(dim=1).tolist()
        (0.1, [0, 1])
    """
    log_p, (low, high) = _log(soft), EXPONENTS
    for _ in range(40):
        exponent = (low * high) ** 0.5
        if mean_entropy((exponent * log_p).softmax(dim=1)) > entropy:
            low = exponent
        else:
            high = exponent
    return (high * log_p).softmax(dim=1)


def with_shares(soft: Tensor, shares: Tensor, entropy: float) -> Tensor:
    """Weight the classes so that given shares of the nodes have each of them as the most probable one.

    The mean of soft labels says little about their most probable classes, so the masses are normalized while the labels
    are sharpened step by step, until they are nearly hard.

    Args:
        soft: probabilities ``[N, C]``.
        shares: the wanted shares ``[C]``, which sum to 1.
        entropy: mean entropy of the result, in nats.

    Example:
        >>> soft = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
        >>> with_shares(soft, torch.tensor([0.25, 0.75]), 0.5).argmax(dim=1).tolist()
        [0, 1, 1, 1]
    """
    for hardness in HARDNESS:
        soft = class_mass_normalization(with_entropy(soft, hardness * entropy), shares)
    return with_entropy(soft, entropy)


def predicted_shares(soft: Tensor) -> Tensor:
    """Shares of the nodes for which each class is the most probable one, ``[C]``.

    Example:
        >>> predicted_shares(torch.tensor([[0.6, 0.4], [0.9, 0.1]])).tolist()
        [1.0, 0.0]
    """
    return soft.argmax(dim=1).bincount(minlength=soft.shape[1]) / len(soft)


def candidates(
    soft: Tensor, edge_index: Tensor, similar: Tensor, spreadings: Sequence[Spreading]
) -> Iterator[tuple[str, Tensor]]:
    """Targets to choose from: soft labels as they are, and spread, with three kinds of class shares.

    Spreading over a graph whose neighbours are of unlike classes moves nearly all nodes into one class. So each of the
    targets also comes with the teacher's shares of predicted classes and with equal ones, which mend a teacher that
    predicts one class alone, too. All are as confident as the teacher.

    Args:
        soft: the teacher's probabilities ``[N, C]``.
        edge_index: edges, long ``[2, E]``.
        similar: edges between nodes with like features, long ``[2, S]``.
        spreadings: rounds, restart and feature weight of each spreading.

    Yields:
        A name and probabilities ``[N, C]``, one after the other, because all of a large graph are too much.
    """
    entropy, shares = mean_entropy(soft), predicted_shares(soft)
    equal = torch.full_like(shares, 1 / len(shares))
    yield "teacher", soft
    yield "teacher, equal shares", with_shares(soft, equal, entropy)
    for steps, restart, weight in dict.fromkeys(s if similar.numel() else (*s[:2], 0.0) for s in spreadings):
        name = f"{steps} rounds, restart {restart:g}" + (f", features {weight:g}" if weight else "")
        graph = spreading_graph(edge_index, len(soft), similar if weight else similar[:, :0], weight)
        spread = spread_soft_labels(soft, graph, steps, restart)
        yield name, with_entropy(spread, entropy)
        yield f"{name}, the teacher's shares", with_shares(spread, shares, entropy)
        yield f"{name}, equal shares", with_shares(spread, equal, entropy)


def above_chance(soft: Tensor, y: Tensor) -> bool:
    """Whether the most probable class is right more often than the most frequent one would be.

    Args:
        soft: probabilities ``[v, C]``.
        y: labels, long ``[v]``.

    Example:
        >>> above_chance(torch.tensor([[0.9, 0.1], [0.8, 0.2]]), torch.tensor([0, 1]))
        False
    """
    return int((soft.argmax(dim=1) == y).sum()) > int(y.bincount().max())


def as_good_as_the_best(targets: Mapping[str, Tensor], y: Tensor) -> list[str]:
    """Names of candidates whose validation loss is within a standard error of the least one.

    The loss of a node is its cross-entropy, at the exponent that is best for the candidate, plus 1 if the label is not
    the most probable one. The standard error is that of the mean paired difference to the best candidate. Candidates
    that are right no more often than the most frequent class are left out, unless all are such: their error is too near
    to that of any weak candidate, and in a mean they would draw all nodes into one class.

    Args:
        targets: probabilities of validation nodes, ``[v, C]``, by name.
        y: their labels, long ``[v]``.

    Example:
        >>> one = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
        >>> as_good_as_the_best({"one": one, "other": 1 - one}, torch.tensor([0, 1]))
        ['one']
    """
    able = {name: soft for name, soft in targets.items() if above_chance(soft, y)} or targets
    losses = {name: _losses(soft, y) for name, soft in able.items()}
    best = min(losses.values(), key=lambda loss: float(loss.mean()))

    def close(loss: Tensor) -> bool:
        difference = loss - best
        error = difference.std() / len(difference) ** 0.5 if len(difference) > 1 else 0.0
        return bool(difference.mean() <= error)

    return [name for name, loss in losses.items() if close(loss)]


def chosen_targets(
    soft: Tensor,
    edge_index: Tensor,
    x: Tensor,
    valid: Tensor,
    y: Tensor,
    *,
    spreadings: Sequence[Spreading],
    neighbours: int,
    confidence: float,
) -> tuple[Tensor, list[str]]:
    """The geometric mean of the candidates that are as good on validation as the best one, with the teacher's shares.

    Few validation labels do not tell candidates apart that are nearly as good, and their mean is better than a choice
    among them at random. Validation nodes that are drawn evenly from the classes say nothing about how frequent the
    classes are elsewhere, so the mean predicts them as often as the teacher does, unless the teacher is at chance.

    Args:
        soft: the teacher's probabilities ``[N, C]``.
        edge_index: edges, long ``[2, E]``.
        x: features ``[N, F]``.
        valid: validation nodes, long ``[v]``; their labels only choose.
        y: their labels, long ``[v]``.
        spreadings: rounds, restart and feature weight of each spreading.
        neighbours: number of nearest nodes in features.
        confidence: mean entropy of the result, as a share of the teacher's.

    Returns:
        Probabilities ``[N, C]``, and the names of the candidates in their mean.

    Example:
        >>> soft = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.4, 0.6], [0.2, 0.8]])
        >>> path = torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]])
        >>> target, names = chosen_targets(
        ...     soft, path, torch.eye(4), torch.tensor([1, 2]), torch.tensor([0, 1]),
        ...     spreadings=[(10, 0.2, 0.0)], neighbours=0, confidence=0.5,
        ... )
        >>> target.argmax(dim=1).tolist(), len(names)
        ([0, 0, 1, 1], 5)
    """
    similar = feature_neighbours(x, neighbours if any(weight for _, _, weight in spreadings) else 0)
    seen = {name: target[valid] for name, target in candidates(soft, edge_index, similar, spreadings)}
    names = as_good_as_the_best(seen, y)
    total = torch.zeros_like(soft)
    for name, target in candidates(soft, edge_index, similar, spreadings):
        if name in names:
            total += _log(target)
    mean, entropy = (total / len(names)).softmax(dim=1), confidence * mean_entropy(soft)
    if above_chance(soft[valid], y):
        return with_shares(mean, predicted_shares(soft), entropy), names
    return with_entropy(mean, entropy), names


def _losses(soft: Tensor, y: Tensor) -> Tensor:
    """Loss of each node, ``[v]``; its mean is convex in the exponent, which is found by ternary search."""
    log_p, (low, high) = _log(soft), EXPONENTS

    def cross_entropy(exponent: float) -> Tensor:
        return F.cross_entropy(exponent * log_p, y, reduction="none")

    for _ in range(60):
        first, second = (low ** (1 - share) * high**share for share in (1 / 3, 2 / 3))
        if float(cross_entropy(first).mean()) < float(cross_entropy(second).mean()):
            high = second
        else:
            low = first
    return cross_entropy((low * high) ** 0.5) + (soft.argmax(dim=1) != y)


def _log(soft: Tensor) -> Tensor:
    return soft.clamp(min=1e-30).log()
