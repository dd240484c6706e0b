"""Losses of the package torchdistill as losses of a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from graphdistill.kd.objective import Batch
from graphdistill.kd.outputs import Outputs

UNKNOWN = -100
"""Label that cross-entropies of torch leave out; ours is -1."""


@dataclass(frozen=True)
class FromTorchdistill:
    """A mid- or high-level loss of torchdistill, for the ``loss`` of an :class:`~graphdistill.kd.objective.Objective`.

    Matsubara, torchdistill: A Modular, Configuration-Driven Framework for Knowledge Distillation, 2021. Its losses read
    a layer by its path and ``"input"`` or ``"output"``, and give one value for the batch, which each row gets here, so
    that the mean over rows is that value. The logits are the output of path ``"."``, and every recorded layer is the
    output of its path; of ``"head:input"``, the input of ``head``. What a loss trains or buffers itself is handed to
    the loop as ``module=loss``.

    Args:
        loss: a loss of ``torchdistill.losses.mid_level`` or ``high_level``, or any callable of the same two mappings
            and labels.

    Raises:
        ValueError: in a call, the loss reads a layer that was not recorded, or gives more than one value.

    Example:
        >>> import torch
        >>> def hint(student, teacher, targets):  # a loss in torchdistill's form
        ...     return (student["0"]["output"] - teacher["2"]["input"]).square().mean()
        >>> from graphdistill.kd.objective import Objective
        >>> objective = Objective(loss=FromTorchdistill(hint), student_layers=["0"], teacher_layers=["2:input"])
    """

    loss: Callable[..., Any]

    def __call__(self, batch: Batch) -> Tensor:
        """The loss of the batch at each row, ``[r]``."""
        student, teacher = io_dict(batch.student, "student"), io_dict(batch.teacher, "teacher")
        y = batch.y.masked_fill(batch.y < 0, UNKNOWN)
        # Only the losses that sum others take both mappings as one, and what the model computes itself.
        if hasattr(self.loss, "term_dict"):
            value = self.loss({"student": student, "teacher": teacher}, {}, y)
        else:
            value = self.loss(student, teacher, y)
        if not isinstance(value, Tensor) or value.numel() != 1:
            got = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ValueError(f"the loss must give one value for the batch, got {got}; reduce it by a mean")
        return value.reshape(()).expand(len(batch.y))


class _Layers(dict[str, dict[str, Tensor]]):
    """Recorded layers by path; an error for another path says how to record it."""

    def __init__(self, name: str):
        super().__init__()
        self.name = name

    def __missing__(self, path: str) -> dict[str, Tensor]:
        known = ", ".join(self)
        raise ValueError(
            f"the loss reads layer {path!r} of the {self.name}, of which are recorded: {known}; add it to "
            f"{self.name}_layers"
        )


def io_dict(outputs: Outputs, name: str = "network") -> dict[str, dict[str, Tensor]]:
    """The nested mapping of torchdistill: path of a layer, then ``"input"`` or ``"output"``.

    Args:
        outputs: logits and recorded layers.
        name: what an error calls the network. (default: ``network``)

    Example:
        >>> import torch
        >>> found = io_dict(Outputs(torch.zeros(1, 2), {"head:input": torch.zeros(1, 5)}))
        >>> {path: list(sides) for path, sides in found.items()}
        {'.': ['output'], 'head': ['input']}
    """
    found = _Layers(name)
    found["."] = {"output": outputs.logits}
    for path, value in outputs.features.items():
        layer, _, side = path.partition(":")
        found.setdefault(layer, {})[side or "output"] = value
    return found
