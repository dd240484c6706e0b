"""The state that a run stores at every validation check, to be resumed: one safetensors file with a JSON card."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from torch import Tensor

from graphdistill.core.sets.checked_file import Header, brief
from graphdistill.core.sets.payload import FLOATS, Declared, check_finite, check_names, check_tensor
from graphdistill.core.sets.safetensors_card import read_card_alone, read_with_card, write_with_card

FORMAT = 4
"""Number of the layout; a file of another layout is refused."""
DIGESTS = {"data_digest": "other data", "recipe_digest": "another recipe"}
"""Facts that identify content, and the meaning of another digest in a file."""
KEPT = ("momentum_buffer", "exp_avg", "exp_avg_sq", "step", "average")
"""Tensors that an optimizer keeps for each parameter."""


@dataclass(frozen=True)
class Checkpoint:
    """State of a run, on the CPU. All later randomness follows from its seed and the step.

    Attributes:
        step: steps taken so far.
        now: current values of the learnt tensors.
        memory: state of the optimizer.
        best: the learnt tensors that are best on validation.
        checks: step and score of every validation check so far.
        scale: factor on the step size; it is halved each time that the loss is not finite.
        seconds: spent so far.
    """

    step: int
    now: Mapping[str, Tensor]
    memory: Mapping[str, Tensor]
    best: Mapping[str, Tensor]
    checks: tuple[tuple[int, float], ...] = ()
    scale: float = 1.0
    seconds: float = 0.0
    facts: Mapping[str, object] = field(default_factory=dict)
    """Settings of the run; it is only resumed with the same ones."""

    @property
    def best_check(self) -> tuple[int, float]:
        """Step and score of the best check; of equal ones the first."""
        return max(self.checks, key=lambda check: check[1])

    @property
    def checks_since_best(self) -> int:
        """Number of checks after the best one."""
        return len(self.checks) - 1 - self.checks.index(self.best_check)

    @classmethod
    def initial(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> Checkpoint:
        """The state before the first step and the first check."""
        now = {name: value.detach().to("cpu", copy=True) for name, value in tensors.items()}
        return cls(0, now, {}, now, facts=facts)

    def after_check(self, score: float, shown: Mapping[str, Tensor], **state: Any) -> Checkpoint:
        """The state after a validation check that gave ``score`` to the tensors in ``shown``."""
        after = replace(self, **state)
        after = replace(after, checks=(*self.checks, (after.step, score)))
        return replace(after, best=shown) if after.best_check[0] == after.step else after

    def slower(self) -> Checkpoint:
        """The same state with half the step size and a fresh optimizer, to continue after a loss that is not finite."""
        return replace(self, scale=self.scale / 2, memory={})


def write_checkpoint(path: Path, state: Checkpoint) -> None:
    """Write a checkpoint, whole or not at all.

    Example:
        >>> import tempfile, torch
        >>> x = {"x": torch.ones(2)}
        >>> path = Path(tempfile.mkdtemp()) / "checkpoint.safetensors"
        >>> write_checkpoint(path, Checkpoint(3, x, {}, x, checks=((0, 0.5),)))
        >>> read_checkpoint(path, {}).step
        3
    """
    tensors = {
        f"{part}.{name}": value for part in ("now", "memory", "best") for name, value in getattr(state, part).items()
    }
    card = {name: getattr(state, name) for name in ("step", "checks", "scale", "seconds", "facts")}
    write_with_card(path, tensors, {"format": FORMAT, **card})


def read_checkpoint(
    path: Path, facts: Mapping[str, object], parameters: Mapping[str, Tensor] | None = None
) -> Checkpoint:
    """Read what :func:`write_checkpoint` wrote.

    Args:
        path: the file.
        facts: data, recipe, versions and settings of the run.
        parameters: learnt tensors; those of the file must have the same shapes. (default: any shapes)

    Raises:
        ValueError: the file is damaged, has another layout, or was written by a run of other data or settings.
    """

    def fail(what: str) -> NoReturn:
        raise ValueError(f"{path} {what} without --resume")

    def damaged(error: ValueError) -> NoReturn:
        fail(f"is damaged: {str(error).removeprefix(f'{path} is damaged or absent: ')}; start again")

    try:
        _, card = read_card_alone(path)
        known = _card(card) if card.get("format") == FORMAT else {}
    except ValueError as error:
        damaged(error)
    if not known:
        fail(f"has layout {brief(card.get('format'))}, this version reads {FORMAT}; start again")
    for name, value in json.loads(json.dumps(facts)).items():
        if (before := known["facts"].get(name)) != value:
            what = f"was written with {name} {brief(before)}, but now it is {brief(value)}"
            if name in DIGESTS:
                what = f"is of {DIGESTS[name]}, of digest {brief(before)}, but now the digest is {brief(value)}"
            fail(f"{what}; give the same, or start again")
    parts: dict[str, dict[str, Tensor]] = {"now": {}, "memory": {}, "best": {}}
    try:
        tensors, _ = read_with_card(path, lambda header: _check(header, parameters))
        for name, value in tensors.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = check_finite(name, value)
    except ValueError as error:
        damaged(error)
    return Checkpoint(now=parts["now"], memory=parts["memory"], best=parts["best"], **known)


def _check(header: Header, parameters: Mapping[str, Declared] | None) -> None:
    """Fail unless a file has the current and the best parameters, and the state of the optimizer."""
    if parameters is None:
        parameters = {name.removeprefix("now."): entry for name, entry in header.items() if name.startswith("now.")}
    memory = {name for name in header if name.startswith("memory.")}
    check_names(header, [f"{part}.{name}" for part in ("now", "best") for name in parameters], memory)
    for name in header:
        owner = name.partition(".")[2]
        if name in memory:
            owner, _, key = owner.rpartition(".")
            if owner not in parameters or key not in KEPT:
                raise ValueError(f"holds {brief(name)}, which is not expected")
        shape = [] if name.endswith(".step") and name in memory else parameters[owner].shape
        check_tensor(header, name, FLOATS, *shape)


def _card(card: dict[str, Any]) -> dict[str, Any]:
    """The facts in the card of a state, each checked for its type and range."""

    def number(name: str, least: float, most: float) -> bool:
        return type(card.get(name)) in (int, float) and least <= card[name] <= most

    checks, step = card.get("checks"), card.get("step")
    whole = type(step) is int and step >= 0
    steps = [check[0] for check in checks] if isinstance(checks, list) and all(map(_is_check, checks)) else []
    good = {
        "step": whole,
        "checks": whole and steps == sorted(set(steps)) and bool(steps) and 0 <= steps[0] and steps[-1] <= step,
        "scale": number("scale", sys.float_info.min, 1),
        "seconds": number("seconds", 0, sys.float_info.max),
        "facts": isinstance(card.get("facts"), dict),
    }
    for name, fits in good.items():
        if not fits:
            raise ValueError(f"its card has {name} {brief(card.get(name))}")
    return {name: card[name] for name in good} | {"checks": tuple((at, float(score)) for at, score in card["checks"])}


def _is_check(check: object) -> bool:
    """Whether this is a step and its score."""
    if not isinstance(check, list) or len(check) != 2:
        return False
    step, score = check
    return type(step) is int and type(score) in (int, float) and math.isfinite(score)
