"""Save and load students: weights in safetensors, everything else in a JSON card beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from graphdistill.core.output import publish
from graphdistill.core.paths import expanded
from graphdistill.core.report import versions
from graphdistill.core.storage import read_card, read_tensors, write_card, write_tensors
from graphdistill.vqgraph.codes import CodeHead, Meanings
from graphdistill.vqgraph.student import VQGraphStudent

FORMAT = 1
"""Number of the layout; a file of another layout is refused."""


def save_student(
    student: VQGraphStudent, folder: str | Path, *, codes: CodeHead | None = None, card: Mapping[str, Any] | None = None
) -> None:
    """Write ``student.safetensors``, ``card.json`` and, with codes, ``codes.safetensors`` into a folder, all or none.

    The weights have the names of ``torch_geometric.nn.MLP``. The card holds sizes, versions and the sha256 of the other
    files; no pickle anywhere.

    Args:
        student: the student.
        folder: created if absent; other files in it stay.
        codes: what explains its answers. (default: none)
        card: further facts, such as class names, teacher, seed and accuracy, that JSON can hold. (default: none)

    Raises:
        ValueError: the folder cannot be written.

    Example:
        >>> import tempfile
        >>> student = VQGraphStudent(4, 8, 3).eval()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_student(student, folder, card={"classes": ["a", "b", "c"]})
        ...     again = load_student(folder)
        >>> torch.equal(student(torch.ones(1, 4)), again(torch.ones(1, 4)))
        True
    """
    facts: dict[str, Any] = {
        "format": FORMAT,
        "config": student.config,
        "parameters": sum(weight.numel() for weight in student.parameters()),
        "versions": versions(),
        "facts": dict(card or {}),
    }
    with publish(Path(folder)) as draft:
        facts["sha256"] = write_tensors(draft / "student.safetensors", student.state_dict())
        if codes is not None:
            facts["codes_sha256"] = write_tensors(draft / "codes.safetensors", codes.state_dict())
        write_card(draft, facts)


def load_student(folder: str | Path) -> VQGraphStudent:
    """Read what :func:`save_student` wrote, bit for bit, in evaluation mode and on the CPU.

    Args:
        folder: the folder that holds ``student.safetensors`` and ``card.json``.

    Raises:
        FileNotFoundError: one of the two files is missing.
        ValueError: a file is damaged, does not belong to the other, or has another layout.
    """
    folder = expanded(folder)
    facts = read_card(folder, FORMAT, ("config", "sha256"), writer="save_student")
    tensors = read_tensors(folder / "student.safetensors", facts["sha256"], writer="save_student")
    try:
        # Without memory or random numbers for weights that are replaced at once.
        with torch.device("meta"):
            student = VQGraphStudent(**facts["config"])
        student.load_state_dict(tensors, assign=True)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{folder} holds weights that do not fit its card: {error}; distil again") from error
    student.eval()
    return student


def load_codes(folder: str | Path) -> CodeHead:
    """Read the codes that :func:`save_student` wrote beside a student.

    Args:
        folder: the folder that holds ``codes.safetensors`` and ``card.json``.

    Raises:
        FileNotFoundError: one of the two files is missing.
        ValueError: the student was saved without codes, a file is damaged, does not belong to the other, or has
            another layout.
    """
    folder = expanded(folder)
    facts = read_card(folder, FORMAT, ("sha256",), writer="save_student")
    if "codes_sha256" not in facts:
        raise ValueError(f"{folder} holds a student without codes; give codes to save_student")
    tensors = read_tensors(folder / "codes.safetensors", facts["codes_sha256"], writer="save_student")
    try:
        weight, bias = tensors.pop("linear.weight"), tensors.pop("linear.bias")
        meanings = Meanings(**tensors)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{folder / 'codes.safetensors'} is damaged: {error!r}; distil again") from error
    linear = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    linear.load_state_dict({"weight": weight, "bias": bias}, assign=True)
    return CodeHead(linear, meanings).eval()
