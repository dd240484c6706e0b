"""Spaces of students: the sizes that networks of one family may have."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn
from torch_geometric import nn as pyg
from torch_geometric.nn.models.basic_gnn import BasicGNN

from graphdistill.core.networks.convnet import ConvNet, ConvNetNorm
from graphdistill.core.networks.mlp import MLP
from graphdistill.core.networks.transformer import Transformer
from graphdistill.core.randomness import scoped
from graphdistill.kd.data.view import View

Choice = tuple[int, ...]
"""A value on each axis of a space."""

WIDTHS = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192)
"""Widths in steps of about 1.4, which doubles the weights of a hidden layer; a whole number of two or, from 8 on, of
four attention heads."""
DEPTHS = (1, 2, 3)
"""Hidden layers or blocks: the ones of small networks."""


@dataclass(frozen=True)
class Space:
    """Students of one family.

    Attributes:
        family: name of the networks' class.
        axes: values of each size, ascending.
        make: makes the network of the sizes, which it gets by their names.
        own: sizes of the student that the space was made for. (default: none)

    Example:
        >>> axes = {"width": (2, 4), "bias": (0, 1)}
        >>> space = Space("Linear", axes, lambda width, bias: nn.Linear(width, 3, bool(bias)))
        >>> space.choices()
        [(2, 0), (2, 1), (4, 0), (4, 1)]
        >>> space.build((4, 0)), space.sizes((4, 0))
        (Linear(in_features=4, out_features=3, bias=False), {'width': 4, 'bias': 0})
    """

    family: str
    axes: Mapping[str, tuple[int, ...]]
    make: Callable[..., nn.Module]
    own: Mapping[str, int] = field(default_factory=dict)

    def choices(self) -> list[Choice]:
        """All choices, the last axis running first."""
        return list(itertools.product(*self.axes.values()))

    def sizes(self, choice: Choice) -> dict[str, int]:
        """The sizes of a choice by name."""
        return dict(zip(self.axes, choice, strict=True))

    def build(self, choice: Choice, seed: int = 0) -> nn.Module:
        """A new network of a choice; equal seeds give equal weights."""
        with scoped(seed, "kd", "student", "weights"):
            return self.make(**self.sizes(choice))

    def fixed(self, **sizes: int) -> Space:
        """The part of the space with one value on some axes, which may be another one."""
        return replace(self, axes={**self.axes, **{name: (value,) for name, value in sizes.items()}})

    def split(self, axis: str, count: int) -> list[Space]:
        """Parts of the space by ranges of one axis, of equal numbers of values as far as they go.

        Raises:
            ValueError: the axis has fewer values than parts are wanted.
        """
        values = self.axes[axis]
        if not 1 <= count <= len(values):
            raise ValueError(f"{self.family} has {len(values)} values of {axis}, which cannot be {count} parts")
        ends = [len(values) * i // count for i in range(count + 1)]
        return [replace(self, axes={**self.axes, axis: values[i:j]}) for i, j in itertools.pairwise(ends)]


def space_of(student: nn.Module, view: View) -> Space:
    """The space of the networks of a student's family, which have its inputs, outputs and dropout.

    ConvNet and MLP have widths and depths, networks of PyG's ``BasicGNN`` such as GCN, too; Transformer has widths,
    depths, heads, and the width of its perceptrons in units of its own width.

    Args:
        student: a network of the family.
        view: the data.

    Raises:
        ValueError: the student is of no such family, or has parts that the networks of the space do not have, such as
            norms.

    Example:
        >>> from graphdistill.datasets import load
        >>> from graphdistill.kd.data.kinds import view_of
        >>> space = space_of(pyg.MLP([64, 32, 10], norm=None), view_of(load("digits-knn")))
        >>> space.build((8, 2))
        MLP(64, 8, 8, 10)
    """
    for kind, describe in _FAMILIES.items():
        if isinstance(student, kind):
            axes, own, make = describe(student, view)
            space = Space(type(student).__name__, axes, make, own)
            ours, known = (list(network.state_dict()) for network in (student, make(**own)))
            if ours != known:
                extra = next(iter(sorted(set(ours) ^ set(known))), ours[0])
                raise ValueError(
                    f"a search cannot build students like this {space.family}: they differ in {extra}; give a plain "
                    "one, without norms and jumping knowledge"
                )
            return space
    raise ValueError(
        f"there is no space of students like a {type(student).__name__} to search; give a student of "
        f"{', '.join(sorted({kind.__name__ for kind in _FAMILIES} - {'BasicGNN'}))}, GCN, GraphSAGE or GAT"
    )


_Described = tuple[Mapping[str, tuple[int, ...]], Mapping[str, int], Callable[..., nn.Module]]
"""Axes, the student's own sizes, and what makes a network."""


def _convnet(student: Any, view: Any) -> _Described:
    shape, classes = view.shape, student.head.out_features
    norm: ConvNetNorm = "batch" if isinstance(student.blocks[0][1], nn.BatchNorm2d) else "instance"
    deepest = min(shape[1:]).bit_length() - 2
    axes = {"width": WIDTHS[:-2], "depth": tuple(depth for depth in DEPTHS if depth <= deepest)}
    own = {"width": student.blocks[0][0].out_channels, "depth": len(student.blocks)}
    return axes, own, lambda width, depth: ConvNet(shape, classes, width, depth, norm)


def _mlp(student: Any, view: Any) -> _Described:
    shape, classes, dropout = view.shape, student.head.out_features, _dropout(student)
    own = {"width": student.head.in_features, "depth": len(student.blocks)}
    axes = {"width": WIDTHS, "depth": DEPTHS}
    return axes, own, lambda width, depth: MLP(shape, classes, width=width, depth=depth, dropout=dropout)


def _pyg_mlp(student: Any, view: Any) -> _Described:
    first, *hidden, last = student.channel_list
    dropout = float(student.dropout[0])
    axes, own = {"width": WIDTHS, "depth": DEPTHS}, {"width": max(hidden, default=1), "depth": len(hidden)}
    return axes, own, lambda width, depth: pyg.MLP([first, *[width] * depth, last], dropout=dropout, norm=None)


def _gnn(student: Any, view: Any) -> _Described:
    kind, first, last, dropout = type(student), student.in_channels, student.out_channels, float(student.dropout.p)
    axes = {"width": WIDTHS, "depth": tuple(depth + 1 for depth in DEPTHS)}
    own = {"width": student.hidden_channels, "depth": student.num_layers}
    return axes, own, lambda width, depth: kind(first, width, depth, last, dropout=dropout)


def _transformer(student: Any, view: Any) -> _Described:
    vocabulary, width = student.embedding.weight.shape
    length, classes, dropout = len(student.positions), student.head.out_features, _dropout(student)
    block = student.blocks[0]
    axes = {"width": tuple(w for w in WIDTHS[:-2] if w % 4 == 0), "depth": DEPTHS, "heads": (2, 4), "ratio": (1, 2, 4)}
    own = {"width": width, "depth": len(student.blocks), "heads": block.attention.heads}
    own["ratio"] = block.mlp[0].out_features // width
    words = {"dropout": dropout, "causal": student.causal}
    return axes, own, lambda **sizes: Transformer(vocabulary, length, classes, **words, **sizes)


def _dropout(network: nn.Module) -> float:
    """Probability of the first dropout of a network, 0 without one."""
    return next((part.p for part in network.modules() if isinstance(part, nn.Dropout)), 0.0)


_FAMILIES: Mapping[type[nn.Module], Callable[[Any, Any], _Described]] = {
    ConvNet: _convnet,
    MLP: _mlp,
    pyg.MLP: _pyg_mlp,
    BasicGNN: _gnn,
    Transformer: _transformer,
}


def sizes_text(sizes: Mapping[str, int]) -> str:
    """Sizes as words.

    Example:
        >>> sizes_text({"width": 8, "depth": 2})
        'width 8, depth 2'
    """
    return ", ".join(f"{name} {value}" for name, value in sizes.items())


def neighbours(choice: Choice, among: Sequence[Choice]) -> list[Choice]:
    """Those choices that differ from one on a single axis.

    Example:
        >>> neighbours((8, 1), [(8, 1), (8, 2), (4, 1), (4, 2)])
        [(8, 2), (4, 1)]
    """
    return [other for other in among if sum(a != b for a, b in zip(choice, other, strict=True)) == 1]
