"""Export of networks to ONNX, with float or int8 weights; needs the extra ``onnx``."""

from __future__ import annotations

import contextlib
import copy
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from graphdistill.core.command.output import publish
from graphdistill.core.command.paths import expanded


def export_network(network: nn.Module, x: Tensor, path: str | Path, *, int8: bool = False) -> None:
    """Write a network as one ONNX file, from ``x`` to ``logits``, for any number of entries.

    Dropout is left out in any mode of the network, which stays unchanged.

    Args:
        network: a network of one input.
        x: two entries or more: with one, their number would become a constant.
        path: output file, such as ``student.onnx``; its folder is created if absent.
        int8: whether weights of linear and convolutional layers are stored in 8 bits, and their inputs are rounded to
            8 bits by their range in each batch. (default: all is float)

    Raises:
        ImportError: the extra ``onnx`` is not installed.
        ValueError: the folder cannot be written.

    Example:
        >>> import tempfile, onnxruntime
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     export_network(nn.Linear(4, 3), torch.zeros(2, 4), f"{folder}/linear.onnx")
        ...     session = onnxruntime.InferenceSession(f"{folder}/linear.onnx")
        >>> session.run(["logits"], {"x": torch.ones(1, 4).numpy()})[0].shape
        (1, 3)
    """
    path = expanded(path)
    still = copy.deepcopy(network).cpu().eval()
    with publish(path.parent) as draft:
        try:
            with _quiet():
                torch.onnx.export(
                    still,
                    (x.cpu(),),
                    draft / path.name,
                    input_names=["x"],
                    output_names=["logits"],
                    dynamic_shapes=({0: torch.export.Dim("N")},),
                    dynamo=True,
                    external_data=False,
                    verbose=False,
                )
                if int8:
                    _to_int8(draft / path.name)
        except ImportError as error:
            what = "onnx, onnxscript and onnxruntime" if int8 else "onnx and onnxscript"
            raise ImportError(f"export_onnx needs {what}; pip install 'graphdistill[onnx]'") from error


def _to_int8(path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(path, path, weight_type=QuantType.QUInt8)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the hints of both exporters, which nobody can follow here."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logging.disable(before)
