"""Regularised evolution: the oldest member of a population dies, whatever its score."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import torch

from graphdistill.kd.architectures.space import Choice, neighbours


def evolve(
    choices: Sequence[Choice],
    score: Callable[[Choice], float],
    generator: torch.Generator,
    *,
    population: int = 20,
    sample: int = 5,
    children: int = 100,
) -> dict[Choice, float]:
    """Search the choice with the highest score (Real et al., AAAI 2019, https://arxiv.org/abs/1802.01548).

    The best of a random sample of the population has a child, a random neighbour that differs on one axis; the child
    joins the population, and the oldest member leaves it. A choice is scored once.

    Args:
        choices: what may be chosen.
        score: what is maximised.
        generator: source of the draws.
        population: members, drawn at random at first. (default: 20)
        sample: members that compete to be a parent. (default: 5)
        children: number of children. (default: 100)

    Returns:
        The scores of all choices that were seen, the best first.

    Example:
        >>> grid = [(i, j) for i in range(9) for j in range(9)]
        >>> found = evolve(grid, lambda choice: -abs(choice[0] - 5) - abs(choice[1] - 2), torch.Generator())
        >>> next(iter(found))
        (5, 2)
    """

    def draw(count: int) -> int:
        return int(torch.randint(count, (), generator=generator))

    seen: dict[Choice, float] = {}

    def scored(choice: Choice) -> Choice:
        if choice not in seen:
            seen[choice] = score(choice)
        return choice

    members = deque(scored(choices[draw(len(choices))]) for _ in range(population))
    for _ in range(children):
        rivals = [members[draw(len(members))] for _ in range(sample)]
        parent = max(rivals, key=lambda choice: seen[choice])
        near = neighbours(parent, choices) or choices
        members.append(scored(near[draw(len(near))]))
        members.popleft()
    return dict(sorted(seen.items(), key=lambda item: -item[1]))
