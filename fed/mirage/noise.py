"""Discrete Laplace noise on counts, the same in every reply."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True)
class Noise:
    r"""Two-sided geometric noise (`Ghosh et al., STOC 2009 <https://arxiv.org/abs/0811.2841>`_) for a client's counts.

    .. math:: P(k) = \frac{1 - q}{1 + q} q^{|k|}, \qquad q = e^{-\epsilon / \Delta}

    Noise follows from the client's secret and what is counted, so repeated requests do not average it out. Each count
    is epsilon-private towards one graph being added or taken away. That is **epsilon per count**: a graph takes part
    in as many counts as there are requested tree sets that it contains, and their epsilons add up.

    Args:
        epsilon: of one count, above 0.
        secret: of the client, from which the noise follows.
        most_nodes: cap on the nodes that a graph contributes to a count, which is :math:`\Delta` for counts of nodes.

    Raises:
        ValueError: ``epsilon`` or ``most_nodes`` is out of range.

    Example:
        >>> noise = Noise.sample(1.0, torch.Generator().manual_seed(0))
        >>> what = np.arange(6, dtype=np.uint64).reshape(3, 2)
        >>> bool((noise("support", what) == noise("support", what)).all())
        True
    """

    epsilon: float
    secret: bytes
    most_nodes: int = 64

    def __post_init__(self) -> None:
        if not 0 < self.epsilon < math.inf:
            raise ValueError(f"epsilon must be above 0 and finite, got {self.epsilon}")
        if self.most_nodes < 1:
            raise ValueError(f"most_nodes must be 1 or more, got {self.most_nodes}")

    @classmethod
    def sample(cls, epsilon: float, generator: torch.Generator, most_nodes: int = 64) -> Noise:
        """Noise with a secret from ``generator``, whose seed must stay with the client."""
        return cls(epsilon, bytes(torch.randint(256, (32,), generator=generator).tolist()), most_nodes)

    def __call__(self, kind: str, what: NDArray[np.uint64], sensitivity: int = 1) -> NDArray[np.int64]:
        """Noise for counts of one kind.

        Args:
            kind: keeps counts of several things apart.
            what: content of each thing that is counted, ``[n, 2]``.
            sensitivity: most that one graph changes a count by.

        Returns:
            Integers ``[n]``.
        """
        key = hashlib.blake2b(kind.encode(), key=self.secret).digest()
        rows = np.ascontiguousarray(what).view(np.uint8).reshape(len(what), 16)
        words = b"".join(hashlib.blake2b(row.tobytes(), key=key, digest_size=16).digest() for row in rows)
        uniform = ((np.frombuffer(words, np.uint64).reshape(-1, 2) >> np.uint64(11)) + 0.5) * 2.0**-53
        steps = np.floor(np.log(uniform) * -sensitivity / self.epsilon).astype(np.int64)
        return np.asarray(steps[:, 0] - steps[:, 1])
