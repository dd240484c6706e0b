"""What a run writes down at every look, to be taken up again: one safetensors file with a JSON card in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from graphdistill.core.cards import read_carded, write_carded

FORMAT = 3
"""Number of the layout; a file of another layout is refused."""
DIGESTS = {"data_digest": "other data", "recipe_digest": "another recipe"}
"""Facts that identify content, and what a file with another digest is of."""


@dataclass(frozen=True)
class Checkpoint:
    """Where a run stands. All that is drawn later follows from its seed and the number of the step.

    Attributes:
        step: steps that are done.
        now: tensors that are learnt, as they are.
        memory: what the optimiser remembers.
        best: the tensors that are learnt, as validation liked them best.
        looks: step and validation score of every look so far.
        scale: factor on the step size; halves each time that the loss is not finite.
        seconds: that went into it.
    """

    step: int
    now: Mapping[str, Tensor]
    memory: Mapping[str, Tensor]
    best: Mapping[str, Tensor]
    looks: tuple[tuple[int, float], ...] = ()
    scale: float = 1.0
    seconds: float = 0.0
    facts: Mapping[str, object] = field(default_factory=dict)
    """What the run was told; it may only be taken up with the same."""

    @property
    def best_look(self) -> tuple[int, float]:
        """Step and score of the first of the best looks."""
        return max(self.looks, key=lambda look: look[1])

    @property
    def looks_since_best(self) -> int:
        """Looks that came after the best one."""
        return len(self.looks) - 1 - self.looks.index(self.best_look)

    @classmethod
    def start(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> Checkpoint:
        """Before the first step and the first look."""
        now = {name: value.detach().clone() for name, value in tensors.items()}
        return cls(0, now, {}, now, facts=facts)

    def look(self, score: float, shown: Mapping[str, Tensor], **state: Any) -> Checkpoint:
        """After a look at validation, which gave ``score`` to the tensors that were ``shown`` to it."""
        after = replace(self, **state)
        after = replace(after, looks=(*self.looks, (after.step, score)))
        return replace(after, best=shown) if after.best_look[0] == after.step else after

    def slower(self) -> Checkpoint:
        """The same place with half the step size and no memory: the way on where a loss was not finite."""
        return replace(self, scale=self.scale / 2, memory={})


def write_checkpoint(path: Path, state: Checkpoint) -> None:
    """Write a checkpoint, whole or not at all.

    Example:
        >>> import tempfile, torch
        >>> x = {"x": torch.ones(2)}
        >>> path = Path(tempfile.mkdtemp()) / "checkpoint.safetensors"
        >>> write_checkpoint(path, Checkpoint(3, x, x, x, looks=((0, 0.5),)))
        >>> read_checkpoint(path, {}).step
        3
    """
    tensors = {
        f"{part}.{name}": value for part in ("now", "memory", "best") for name, value in getattr(state, part).items()
    }
    card = {name: getattr(state, name) for name in ("step", "looks", "scale", "seconds", "facts")}
    write_carded(path, tensors, {"format": FORMAT, **card})


def read_checkpoint(path: Path, facts: Mapping[str, object]) -> Checkpoint:
    """Read what :func:`write_checkpoint` wrote.

    Args:
        path: the file.
        facts: what the run is told this time.

    Raises:
        ValueError: the file is damaged, has another layout, or was written by a run that was told other things.
    """
    try:
        tensors, card = read_carded(path)
        found = card.pop("format")
        parts: dict[str, dict[str, Tensor]] = {"now": {}, "memory": {}, "best": {}}
        for name, value in tensors.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = value
        looks = tuple((int(step), float(score)) for step, score in card.pop("looks"))
        state = Checkpoint(card.pop("step"), parts["now"], parts["memory"], parts["best"], looks=looks, **card)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error!r}; put a copy back or start anew without --resume") from error
    if found != FORMAT:
        raise ValueError(f"{path} has layout {found}, this version reads {FORMAT}; start anew without --resume")
    for name, value in json.loads(json.dumps(facts)).items():
        before = state.facts.get(name)
        if before != value and name in DIGESTS:
            raise ValueError(
                f"{path} is of {DIGESTS[name]}, of digest {before}, but now the digest is {value}; "
                f"give the same, or start anew without --resume"
            )
        if before != value:
            raise ValueError(
                f"{path} was written with {name} {before!r}, but now it is {value!r}; "
                f"give the same, or start anew without --resume"
            )
    return state
