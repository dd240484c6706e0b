"""Randomness by purpose: one generator for each thing that is drawn, all from one seed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def generator(seed: int, *purpose: object) -> torch.Generator:
    """Return a CPU generator for one purpose of one seed.

    Two purposes of the same seed are independent streams, so adding a draw somewhere never shifts another.

    Args:
        seed: the user's seed, 0 or more.
        purpose: words or numbers that name what is drawn, such as ``"random row", 3``.

    Returns:
        A seeded ``torch.Generator``; the global one is never touched.

    Raises:
        ValueError: ``seed`` is negative.

    Example:
        >>> int(torch.randint(100, (), generator=generator(0, "demo")))
        88
    """
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}")
    words = "/".join(str(p) for p in (seed, *purpose))
    # crc32 is the same on every machine and in every process, unlike hash().
    return torch.Generator().manual_seed(zlib.crc32(words.encode()) + (seed << 32))


@contextmanager
def scoped(seed: int, *purpose: object) -> Iterator[None]:
    """Let code that can only draw from torch's global generator draw from its own stream, then put it back.

    Layers initialise themselves and dropout masks are drawn from the global generator; inside this context it
    is seeded for one purpose, and outside of it nothing has changed.

    Args:
        seed: the user's seed, 0 or more.
        purpose: words or numbers that name what is drawn.

    Example:
        >>> before = torch.get_rng_state()
        >>> with scoped(0, "weights"):
        ...     first = torch.nn.Linear(2, 1).weight
        >>> with scoped(0, "weights"):
        ...     second = torch.nn.Linear(2, 1).weight
        >>> torch.equal(first, second), torch.equal(before, torch.get_rng_state())
        (True, True)
    """
    state = generator(seed, *purpose).get_state()
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(state)
        yield
