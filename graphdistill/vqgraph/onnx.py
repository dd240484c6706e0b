"""Export of students to ONNX; needs the extra ``onnx``."""

from __future__ import annotations

from pathlib import Path

import torch

from graphdistill.core.networks.onnx import export_network
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
    export_network(student, torch.zeros(2, student.in_channels), path)
