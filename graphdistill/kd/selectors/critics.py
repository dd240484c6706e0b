r"""Critics of generated texts: how likely, how far from another text, and how much like the others they are.

Shape legend: n texts, L tokens of a text, V token ids.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor


class NgramLikelihood:
    r"""Likelihood of tokens after those before them, by counts of n-grams that are smoothed by those of shorter ones.

    .. math:: p_k(c \mid h) = \frac{n(h c) + a \, p_{k-1}(c \mid h')}{n(h) + a}, \quad p_0(c) = \frac{1}{V}

    for the last k - 1 tokens h and the last k - 2 tokens h' before c. MacKay and Peto, Natural Language Engineering
    1995, https://doi.org/10.1017/S1351324900000218.

    Args:
        texts: texts that are counted, long ``[n, L]``.
        vocabulary: number V of token ids.
        order: length of the longest n-grams. (default: 5)
        smoothing: weight a of shorter n-grams, in counts. (default: 4)

    Raises:
        ValueError: the order is below 1, so large that n-grams have no number of 64 bits, or the smoothing not above 0.

    Example:
        >>> model = NgramLikelihood(torch.tensor([[1, 2, 1, 2, 1, 2]]), vocabulary=3, order=2, smoothing=0.5)
        >>> likely, not_likely = model.mean_log(torch.tensor([[1, 2, 1], [1, 1, 1]]), first=1).tolist()
        >>> likely > not_likely
        True
    """

    def __init__(self, texts: Tensor, vocabulary: int, order: int = 5, smoothing: float = 4.0):
        if order < 1 or vocabulary**order >= 1 << 63:
            raise ValueError(f"order must be 1 or more and {vocabulary} ids to its power below 2^63, got {order}")
        if not 0 < smoothing < float("inf"):
            raise ValueError(f"smoothing must be above 0, got {smoothing}")
        self.vocabulary, self.order, self.smoothing = vocabulary, order, smoothing
        self._grams: list[tuple[Tensor, Tensor]] = []
        self._contexts: list[tuple[Tensor, Tensor]] = []
        for k in range(1, order + 1):
            codes = self._codes(texts, k)[:, k - 1 :].reshape(-1)
            self._grams.append(_counts(codes))
            self._contexts.append(_counts(codes // vocabulary))

    def _codes(self, texts: Tensor, k: int) -> Tensor:
        """Number of the n-gram of length k that ends at each position, long ``[n, L]``."""
        codes = torch.zeros_like(texts)
        for j in range(min(k, texts.shape[1])):
            codes[:, j:] += texts[:, : texts.shape[1] - j] * self.vocabulary**j
        return codes

    def mean_log(self, texts: Tensor, first: int = 0) -> Tensor:
        """Mean logarithm of the likelihood of a text's tokens from position ``first`` on, float64 ``[n]``."""
        p = torch.full(texts.shape, 1 / self.vocabulary, dtype=torch.double)
        for k in range(1, self.order + 1):
            codes = self._codes(texts, k)
            seen, context = (
                _lookup(*self._grams[k - 1], codes),
                _lookup(*self._contexts[k - 1], codes // self.vocabulary),
            )
            # A token has no longer n-gram than the text up to it.
            new = (seen + self.smoothing * p) / (context + self.smoothing)
            p = torch.cat([p[:, : k - 1], new[:, k - 1 :]], dim=1)
        return p[:, first:].log().mean(dim=1)


def _counts(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Distinct codes, ascending, and how often each occurs."""
    known, counts = codes.unique(return_counts=True)
    return known, counts


def _lookup(known: Tensor, counts: Tensor, codes: Tensor) -> Tensor:
    """Counts of codes, 0 of those that are not known."""
    place = torch.searchsorted(known, codes).clamp(max=len(known) - 1)
    return torch.where(known[place] == codes, counts[place], 0).double()


def edit_distance(first: Tensor, second: Tensor) -> Tensor:
    """Levenshtein distance of pairs of texts, long ``[n]``.

    Args:
        first: token ids, long ``[n, L]``.
        second: token ids, long ``[n, M]``.

    Example:
        >>> edit_distance(torch.tensor([[1, 2, 3]]), torch.tensor([[2, 3, 4]])).tolist()
        [2]
    """
    steps = torch.arange(second.shape[1] + 1)
    row = steps.expand(len(first), -1)
    for i in range(first.shape[1]):
        changed = torch.minimum(row[:, :-1] + (first[:, i, None] != second), row[:, 1:] + 1)
        start = torch.full_like(row[:, :1], i + 1)
        # Insertions cost 1 for each place from the best one before.
        row = (torch.cat([start, changed], dim=1) - steps).cummin(dim=1).values + steps
    return row[:, -1]


def one_per_component(texts: Tensor, group: Tensor, score: Tensor, same: float) -> Tensor:
    """The text with the highest score of each set of texts of a group that are alike, over any chain of them.

    Args:
        texts: token ids, long ``[n, L]``.
        group: texts of different groups are never alike, long ``[n]``.
        score: float ``[n]``.
        same: share of the length up to which the edit distance of two texts makes them alike.

    Returns:
        Rows, long, ascending.

    Example:
        >>> texts = torch.tensor([[1, 2, 3, 4], [1, 2, 3, 5], [7, 8, 9, 7]])
        >>> one_per_component(texts, torch.tensor([0, 0, 0]), torch.tensor([0.1, 0.3, 0.2]), same=0.25).tolist()
        [1, 2]
    """
    pairs = torch.cat(
        [torch.empty(0, 2, dtype=torch.long)]
        + [torch.combinations((group == g).nonzero()[:, 0]).view(-1, 2) for g in group.unique()]
    )
    alike = edit_distance(texts[pairs[:, 0]], texts[pairs[:, 1]]) <= same * texts.shape[1]
    return best_of_components(pairs[alike], score)


def best_of_components(pairs: Tensor, score: Tensor) -> Tensor:
    """The entry with the highest score of each connected component; of equal scores the first.

    Args:
        pairs: pairs of entries that are connected, long ``[p, 2]``.
        score: float ``[n]``.

    Returns:
        Entries, long, ascending.

    Example:
        >>> best_of_components(torch.tensor([[0, 2]]), torch.tensor([0.1, 0.2, 0.3])).tolist()
        [1, 2]
    """
    count = len(score)
    edges = pairs.numpy()
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
    component = torch.from_numpy(connected_components(graph, directed=False)[1]).long()
    best = torch.full((count,), -torch.inf, dtype=score.dtype).scatter_reduce(0, component, score, "amax")
    rows = (score == best[component]).nonzero()[:, 0]
    first = torch.full((count,), count).scatter_reduce(0, component[rows], rows, "amin")
    return first[first < count].sort().values
