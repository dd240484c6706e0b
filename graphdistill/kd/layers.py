"""Which layers of a student are matched with which of its teacher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from torch import Tensor, nn
from torch_geometric.nn.dense import Linear as PyGLinear

from graphdistill.kd.outputs import PENULTIMATE

LayerMap = Literal["last", "last-k", "skip"]
"""The layer before the output; the last stages of both; stages at even distances."""

Linear: TypeAlias = nn.Linear | PyGLinear | nn.modules.conv._ConvNd
"""Layers whose ``weight`` is a matrix, or one of a convolution on a grid."""


def stages_of(module: nn.Module) -> list[str]:
    """Paths of the stages of a network: the members of its first list of modules, or its last linear layer's input.

    Example:
        >>> from graphdistill.core.networks.convnet import ConvNet
        >>> stages_of(ConvNet((1, 28, 28), 10))
        ['blocks.0', 'blocks.1', 'blocks.2']
        >>> stages_of(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)))
        ['penultimate']
    """
    for name, part in module.named_modules():
        if isinstance(part, nn.ModuleList) and len(part):
            return [f"{name}.{i}" for i in range(len(part))]
    return [PENULTIMATE]


def stage_at(module: nn.Module, depth: float) -> str:
    """Path of the stage at a share of the depth of a network; not the last one, where there are several.

    Example:
        >>> from graphdistill.core.networks.convnet import ConvNet
        >>> stage_at(ConvNet((1, 28, 28), 10), 0.75), stage_at(ConvNet((1, 28, 28), 10), 0.1)
        ('blocks.1', 'blocks.0')
    """
    stages = stages_of(module)
    return stages[max(0, min(int(depth * len(stages)), len(stages) - 1) - 1)]


def layer_pairs(student: nn.Module, teacher: nn.Module, kind: LayerMap) -> list[tuple[str, str]]:
    """Pairs of layers of student and teacher.

    Args:
        student: the student.
        teacher: the teacher.
        kind: ``last`` is the input of the last linear layer; ``last-k`` pairs the last stages of both, as many as the
            network with fewer has; ``skip`` pairs these stages of that network with stages of the other at even
            distances.

    Example:
        >>> from graphdistill.core.networks.convnet import ConvNet
        >>> deep, flat = ConvNet((1, 64, 64), 10, depth=3), ConvNet((1, 64, 64), 10, depth=2)
        >>> layer_pairs(flat, deep, "last-k")
        [('blocks.0', 'blocks.1'), ('blocks.1', 'blocks.2')]
        >>> layer_pairs(flat, deep, "skip"), layer_pairs(flat, deep, "last")
        ([('blocks.0', 'blocks.1'), ('blocks.1', 'blocks.2')], [('penultimate', 'penultimate')])
    """
    if kind == "last":
        return [(PENULTIMATE, PENULTIMATE)]
    ours, theirs = stages_of(student), stages_of(teacher)
    count = min(len(ours), len(theirs))
    if kind == "last-k":
        return list(zip(ours[-count:], theirs[-count:], strict=True))

    def spaced(paths: list[str]) -> list[str]:
        return [paths[-(-(i + 1) * len(paths) // count) - 1] for i in range(count)]

    return list(zip(spaced(ours), spaced(theirs), strict=True))


def width_of(features: Tensor) -> int:
    """Width of hidden features: channels of feature maps ``[n, d, h, w]``, otherwise the last dimension.

    Example:
        >>> import torch
        >>> width_of(torch.rand(2, 3, 5, 5)), width_of(torch.rand(2, 7, 4))
        (3, 4)
    """
    return features.shape[1 if features.ndim == 4 else -1]


def linear_layers(module: nn.Module) -> dict[str, Linear]:
    """Linear layers, those of PyG too, and convolutions on grids, by path.

    Example:
        >>> list(linear_layers(nn.Sequential(nn.Conv1d(1, 2, 3), nn.ReLU(), nn.Linear(4, 2))))
        ['0', '2']
    """
    return {path: part for path, part in module.named_modules() if isinstance(part, Linear)}


def check_entries(features: Mapping[str, Tensor], count: int) -> None:
    """Check that layers have a row for each entry, as those do not that see the nodes of several graphs.

    Args:
        features: output of each layer.
        count: number of entries.

    Raises:
        ValueError: a layer has another number of rows.
    """
    for path, value in features.items():
        if len(value) != count:
            raise ValueError(
                f"layer {path} has {len(value)} rows for {count} entries, so it cannot be matched; choose the layer "
                "before the output"
            )
