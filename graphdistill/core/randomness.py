"""Random generators by purpose: one independent stream per purpose, all from one seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor


def generator(seed: int, *purpose: object) -> torch.Generator:
    """Return a CPU generator for one purpose of one seed.

    Two purposes of the same seed are independent streams, so adding a draw somewhere never shifts another.

    Args:
        seed: the user's seed, 0 or more.
        purpose: words or numbers that name the purpose, such as ``"random row", 3``.

    Returns:
        A seeded ``torch.Generator``; the global one is never touched.

    Raises:
        ValueError: ``seed`` is negative.

    Example:
        >>> int(torch.randint(100, (), generator=generator(0, "demo")))
        56
    """
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}")
    # A digest is the same on every machine and in every process, unlike hash().
    digest = hashlib.sha256(repr((seed, *map(str, purpose))).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


@contextmanager
def scoped(seed: int, *purpose: object) -> Iterator[None]:
    """Seed torch's global generators for one purpose inside this context, then restore them.

    Layers and dropout can only draw from the global generators, of the CPU and of each GPU. Outside the context their
    states are unchanged, unless the first use of a GPU is inside of it.

    Args:
        seed: the user's seed, 0 or more.
        purpose: words or numbers that name the purpose.

    Example:
        >>> before = torch.get_rng_state()
        >>> with scoped(0, "weights"):
        ...     first = torch.nn.Linear(2, 1).weight
        >>> with scoped(0, "weights"):
        ...     second = torch.nn.Linear(2, 1).weight
        >>> torch.equal(first, second), torch.equal(before, torch.get_rng_state())
        (True, True)
    """
    draws = generator(seed, *purpose)
    before = random_state()
    torch.set_rng_state(draws.get_state())
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(draws.initial_seed())
    try:
        yield
    finally:
        set_random_state(before)


def random_state() -> list[Tensor]:
    """State of torch's global generators: of the CPU, then of each GPU if GPUs are in use.

    Example:
        >>> before = random_state()
        >>> first = torch.rand(())
        >>> set_random_state(before)
        >>> bool(first == torch.rand(()))
        True
    """
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [])]


def set_random_state(state: Sequence[Tensor]) -> None:
    """Set torch's global generators to a state of :func:`random_state`."""
    torch.set_rng_state(state[0])
    if len(state) > 1:
        torch.cuda.set_rng_state_all(state[1:])


def class_balanced_order(label: Tensor, generator: torch.Generator) -> Tensor:
    """A random order of all entries that alternates between the classes while they last, long ``[n]``.

    Example:
        >>> label = torch.tensor([0, 0, 0, 1])
        >>> label[class_balanced_order(label, torch.Generator().manual_seed(0))].tolist()
        [0, 1, 0, 0]
    """
    return torch.arange(len(label))[(class_rank(label, generator) * (label.max() + 1) + label).sort().indices]


def class_rank(label: Tensor, generator: torch.Generator) -> Tensor:
    """Place of each entry in a random order of its class, from 0, long ``[n]``.

    Example:
        >>> class_rank(torch.tensor([0, 0, 0, 1]), torch.Generator().manual_seed(0)).tolist()
        [0, 1, 2, 0]
    """
    shuffled = torch.randperm(len(label), generator=generator)
    rank = torch.empty_like(label)
    for value in label.unique():
        mine = shuffled[label[shuffled] == value]
        rank[mine] = torch.arange(len(mine))
    return rank
