"""Compressed networks as ONNX files, and what a prediction of them costs; needs the extra ``onnx``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from graphdistill.compress.context import Compressed, Part
from graphdistill.compress.onnx_weights import stored_weight
from graphdistill.core.networks.onnx import export_network
from graphdistill.core.training.metrics import score
from graphdistill.kd.data.view import View
from graphdistill.kd.inputs import names_of

BATCHES = (1, 64)
"""Entries of a batch whose latency is measured."""


@dataclass(frozen=True)
class Exported:
    """A network in an ONNX file.

    Attributes:
        path: the file.
        nbytes: its size.
        test: test metric of its logits.
        largest_difference: between its logits and those of the network in torch, on validation.
        agreement: share of validation entries of the same class.
        milliseconds: of a batch, by its entries and ``p50`` or ``p99``.
    """

    path: Path
    nbytes: int
    test: float
    largest_difference: float
    agreement: float
    milliseconds: Mapping[str, float]

    def explained(self, metric: str) -> str:
        """All of it in a sentence."""
        ms = self.milliseconds
        times = "; ".join(
            f"batch of {size}: p50 {ms[f'{size}, p50']:.3f}, p99 {ms[f'{size}, p99']:.3f} ms" for size in BATCHES
        )
        return (
            f"{self.nbytes:,} bytes, {metric} {self.test:.3f}, the class of torch for {100 * self.agreement:.1f}% of "
            f"validation; {times}."
        )


def check_exportable(network: nn.Module, view: View) -> None:
    """Fail unless a network reads nothing but features, images or tokens.

    Raises:
        ValueError: it needs more, such as edges.
    """
    needed = [name for name, required in names_of(network).items() if required]
    if len(needed) != 1 or view.KIND == "graphs":
        raise ValueError(
            f"--onnx exports networks of one input, but {type(network).__name__} reads {' and '.join(needed)}; give a "
            "ConvNet, an MLP or a Transformer, for nodes --network MLP"
        )


def export_onnx(
    network: nn.Module,
    view: View,
    path: str | Path,
    *,
    parts: Mapping[str, Part] = MappingProxyType({}),
    int8: bool = False,
    draws: int = 200,
) -> Exported:
    """Write a network as an ONNX file, and compare it with the network on one thread of the CPU.

    Args:
        network: the network, such as that of :class:`~graphdistill.compress.context.Compressed`.
        view: the data, whose validation entries are compared.
        path: output file; its folder is created if absent.
        parts: quantised and sparse weights by name, those of ``Compressed.parts``: the file holds their codes, or their
            positions and values, of which the runtime computes exactly the weights of torch. (default: float weights)
        int8: as of :func:`~graphdistill.core.networks.onnx.export_network`, not with ``parts``. (default: all is float)
        draws: batches whose latency is measured, of each size. (default: 200)

    Raises:
        ImportError: the extra ``onnx`` is not installed.
        ValueError: the network reads more than one input, or the folder cannot be written.
    """
    check_exportable(network, view)
    stored = {name: stored_weight(part) for name, part in parts.items()}
    export_network(network, _features(view, view.train[:2]), path, int8=int8, stored=stored)
    session, valid = _session(path), view.data.valid
    mine, theirs = view.logits(network, "valid"), run(session, _features(view, valid))
    y = view.labels(view.data.test)
    return Exported(
        Path(path),
        Path(path).stat().st_size,
        score(run(session, _features(view, view.data.test)), y, view.metric),
        float((mine - theirs).abs().max()),
        float((mine.argmax(dim=1) == theirs.argmax(dim=1)).double().mean()),
        {key: value for size in BATCHES for key, value in _latency(session, view, size, draws).items()},
    )


def export_rows(networks: Mapping[str, Compressed], view: View, folder: Path) -> dict[str, Exported]:
    """Export a float network, and a compressed one with its weights as they are coded, and with int8 weights.

    Args:
        networks: both by name, the float one first; or none.
        view: the data.
        folder: where ``float.onnx``, ``compressed.onnx`` and ``compressed-int8.onnx`` are written.
    """
    found = {}
    for stem, (name, made) in zip(("float", "compressed"), networks.items(), strict=False):
        found[name] = export_onnx(made.network, view, folder / f"{stem}.onnx", parts=made.parts)
        if stem == "compressed":
            found[f"{name}, int8"] = export_onnx(made.network, view, folder / f"{stem}-int8.onnx", int8=True)
    return found


def run(session: Any, x: Tensor) -> Tensor:
    """Logits of a session of onnxruntime on entries."""
    (found,) = session.run(["logits"], {"x": x.numpy()})
    logits = torch.from_numpy(found)
    return logits.reshape(-1, logits.shape[-1])


def _session(path: str | Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError("export_onnx needs onnxruntime; pip install 'graphdistill[onnx]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _features(view: View, index: Tensor) -> Tensor:
    """The input of entries."""
    x: Tensor = view.inputs(index).main
    # A graph gives the features of all its nodes.
    return (x if len(x) == len(index) else x[index]).cpu()


def _latency(session: Any, view: View, size: int, draws: int) -> dict[str, float]:
    x, taken = _features(view, view.train[:size]), []
    for step in range(draws + 5):
        start = time.perf_counter()
        run(session, x)
        if step >= 5:  # the first ones set memory aside
            taken.append(1000 * (time.perf_counter() - start))
    found = torch.tensor(taken, dtype=torch.double)
    return {f"{size}, p{100 * share:.0f}": float(found.quantile(share)) for share in (0.5, 0.99)}
