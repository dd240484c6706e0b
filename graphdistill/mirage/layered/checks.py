"""What cannot be exact on distinct trees is refused before anything runs."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch_geometric.nn import LayerNorm, MessagePassing

NORMS = "GraphNorm InstanceNorm PairNorm DiffGroupNorm GraphSizeNorm MeanSubtractionNorm".split()
"""Normalisations by the other nodes of a graph."""
ORDERED = "LSTMAggregation GRUAggregation SortAggregation MLPAggregation PatchTransformerAggregation".split()
"""Aggregations that depend on the order of what they aggregate."""
DENSE = (
    "SetTransformerAggregation GraphMultisetTransformer EquilibriumAggregation LCMAggregation QuantileAggregation "
    "MedianAggregation GPSConv"
).split()
"""Modules that lay out all nodes of a graph."""
POSITIONS = (
    "PointNetConv PPFConv XConv PointTransformerConv GravNetConv DynamicEdgeConv SchNet DimeNet DimeNetPlusPlus ViSNet "
    "PositionalEncoding TemporalEncoding"
).split()
"""Modules that read positions or distances of nodes."""


def check_model(model: nn.Module) -> None:
    """Fail if a module cannot be exact.

    Raises:
        ValueError: with the name of the module and the reason.
    """
    for name, module in model.named_modules():
        reason = _reason(module)
        if reason is not None:
            raise ValueError(
                f"{name or 'the model'} ({type(module).__name__}) {reason}, so it is not exact on distinct trees; "
                f"replace it or train on ordinary batches"
            )


def _reason(module: nn.Module) -> str | None:
    kind, home = type(module).__name__, type(module).__module__
    if home.startswith("torch_geometric."):
        if kind in NORMS or (isinstance(module, LayerNorm) and module.mode == "graph"):
            more = "; LayerNorm(mode='node') is exact" if isinstance(module, LayerNorm) else ""
            return f"normalises a node by the other nodes of its graph{more}"
        if ".pool." in home or ".unpool." in home:
            return "keeps, merges or restores nodes by comparing them"
        if kind in ORDERED:
            return "depends on the order of nodes"
        if kind in DENSE:
            return "lays out the nodes of a graph side by side"
        if kind in POSITIONS:
            return "reads positions of nodes"
    if isinstance(module, MessagePassing):
        if module.flow != "source_to_target":
            return "sends messages against the edges (flow='target_to_source'), and trees hold in-neighbours"
        if getattr(module, "cached", False):
            return "caches the edges of its first batch (cached=True)"
    return None


def check_input(model: nn.Module, x: torch.Tensor) -> None:
    """Fail if features are on another device than the parameters of a model, or of another floating dtype.

    Raises:
        ValueError: with both.
    """
    parameter = next(model.parameters(), None)
    if parameter is None:
        return
    if parameter.device != x.device:
        raise ValueError(f"the model is on {parameter.device} but the batch on {x.device}; call batch.to(device)")
    if x.is_floating_point() and parameter.is_floating_point() and parameter.dtype != x.dtype:
        raise ValueError(f"the model is {parameter.dtype} but x {x.dtype}; convert one of them")


def check_depth(depth: int, reached: int) -> None:
    """Fail if trees are deeper than a model reads.

    Raises:
        ValueError: with both.
    """
    if reached < depth:
        raise ValueError(
            f"depth is {depth}, but the model passes messages {reached} times; depth={reached} is exact and faster"
        )


def batch_in(values: Any) -> Any:
    """The first object with layers among the inputs of a model."""
    return next((value for value in values if hasattr(value, "layers")), None)
