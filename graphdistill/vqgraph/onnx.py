"""Export of students to ONNX; needs the extra ``onnx``."""

from __future__ import annotations

import copy
from pathlib import Path

import torch

from graphdistill.core.command.output import publish
from graphdistill.core.command.paths import expanded
from graphdistill.vqgraph.student import VQGraphStudent


def export_onnx(student: VQGraphStudent, path: str | Path) -> None:
    """Write a student as one ONNX file, from ``x`` ``[N, in_channels]`` to ``logits`` ``[N, out_channels]``, for any N.

    Dropout is left out in any mode of the student; the student stays unchanged.

    Args:
        student: the student.
        path: output file, such as ``student.onnx``; its folder is created if absent.

    Raises:
        ImportError: the extra ``onnx`` is not installed.
        ValueError: the folder cannot be written.

    Example:
        >>> import tempfile, onnxruntime
        >>> student = VQGraphStudent(4, 8, 3).eval()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     export_onnx(student, f"{folder}/student.onnx")
        ...     session = onnxruntime.InferenceSession(f"{folder}/student.onnx")
        >>> session.run(["logits"], {"x": torch.ones(1, 4).numpy()})[0].shape
        (1, 3)
    """
    path = expanded(path)
    # With an example of one row the number of rows would become a constant.
    rows = torch.zeros(2, student.in_channels)
    still = copy.deepcopy(student).cpu().eval()
    with publish(path.parent) as draft:
        try:
            torch.onnx.export(
                still,
                (rows,),
                draft / path.name,
                input_names=["x"],
                output_names=["logits"],
                dynamic_shapes={"x": {0: torch.export.Dim("N")}},
                dynamo=True,
                external_data=False,
                verbose=False,
            )
        except ImportError as error:
            raise ImportError("export_onnx needs onnx and onnxscript; pip install 'graphdistill[onnx]'") from error
