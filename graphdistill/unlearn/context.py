"""What a method of unlearning gets: the model, the forgotten entries, and the data with and without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.randomness import generator
from graphdistill.kd.data.view import View
from graphdistill.kd.outputs import last_linear


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the entry function of a method gets.

    Attributes:
        model: the trained network, in evaluation mode; it is changed in place.
        whole: all data, as the model was trained on them.
        forget: training entries that are forgotten, long ``[n]``.
        seed: seed of all randomness. (default: 0)
        progress: shows bars. (default: silent)
    """

    model: nn.Module
    whole: View
    forget: Tensor
    seed: int = 0
    progress: Progress = NO_PROGRESS

    @cached_property
    def rest(self) -> View:
        """The data without the forgotten entries; see :func:`rest_of`."""
        return rest_of(self.whole, self.forget)

    @property
    def remaining(self) -> Tensor:
        """Training entries that remain, long."""
        index: Tensor = self.rest.data.train
        return index

    @cached_property
    def head(self) -> nn.Module:
        """The linear layer that is called last.

        Raises:
            ValueError: the model has none.
        """
        try:
            return last_linear(self.model, lambda: self.whole.predict(self.model, self.forget[:2]))[0]
        except ValueError as error:
            raise ValueError(f"{error} that repair could train; leave it out") from None

    def generator(self, *purpose: object) -> torch.Generator:
        """A generator for a purpose."""
        return generator(self.seed, "unlearn", *purpose)

    def remaining_features(self, index: Tensor, layer: str) -> Tensor:
        """Features of remaining entries at a layer of the model in its present state, flat, ``[n, D]``."""
        return _features(self.rest, self.model, index, layer)

    def forgotten_features(self, index: Tensor, layer: str) -> Tensor:
        """The same of forgotten entries, in the data that still hold them."""
        return _features(self.whole, self.model, index, layer)


def _features(view: View, model: nn.Module, index: Tensor, layer: str) -> Tensor:
    found = view.run(model, index, [layer]).features[layer]
    if len(found) != len(index):
        raise ValueError(
            f"layer {layer!r} of {type(model).__name__} gives {len(found)} rows for {len(index)} entries of "
            f"{view.name}; name a layer with a row for each entry"
        )
    return found.flatten(1)


def rest_of(view: View, forget: Tensor) -> View:
    """The data as if forgotten entries had never been there.

    Validation keeps the classes that still have training entries. Forgotten nodes lose all their edges, so that
    nothing that is computed at another node reads their features.

    Args:
        view: all data.
        forget: training entries that are forgotten, long ``[n]``.

    Example:
        >>> from graphdistill.datasets import load
        >>> from graphdistill.kd.data.kinds import view_of
        >>> digits = view_of(load("digits"))
        >>> rest = rest_of(digits, digits.data.train[:39])
        >>> len(digits.data.train), len(rest.data.train), len(rest.data.valid)
        (1439, 1400, 179)
    """
    data = view.data
    train = data.train[~torch.isin(data.train, forget)]
    changes = {"train": train, "valid": of_classes(data.y, data.valid, data.y[train])}
    if isinstance(data, NodeDataset):
        changes["edge_index"] = data.edge_index[:, ~torch.isin(data.edge_index, forget).any(dim=0)]
    return type(view)(replace(data, **changes), view.device)


def of_classes(y: Tensor, index: Tensor, classes: Tensor | Sequence[int]) -> Tensor:
    """Those entries whose class is among some classes.

    Args:
        y: class of every entry, long ``[N]``.
        index: entries, long ``[n]``.
        classes: the classes, in any order and number.

    Example:
        >>> of_classes(torch.tensor([0, 1, 2, 1]), torch.tensor([1, 2, 3]), [1]).tolist()
        [1, 3]
    """
    return index[torch.isin(y[index], torch.as_tensor(classes))]
