"""Save and load students: weights as safetensors, everything else in a JSON card next to them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from graphdistill.core.command.output import publish
from graphdistill.core.command.paths import expanded
from graphdistill.core.command.report import versions
from graphdistill.core.sets.checked_file import Header, brief
from graphdistill.core.sets.payload import FLOATS, MAX_COUNT, check_finite, check_names, check_range, check_tensor
from graphdistill.core.sets.storage import read_card, read_tensors, write_card, write_tensors
from graphdistill.vqgraph.codes import CodeHead, Meanings
from graphdistill.vqgraph.student import VQGraphStudent

FORMAT = 1
"""Version of the layout; files of other layouts are rejected."""
UNFIT = "holds weights that do not fit its card"


def save_student(
    student: VQGraphStudent, folder: str | Path, *, codes: CodeHead | None = None, card: Mapping[str, Any] | None = None
) -> None:
    """Write ``student.safetensors``, ``card.json`` and, with codes, ``codes.safetensors`` into a folder, all or none.

    The weights have the names of ``torch_geometric.nn.MLP``. The card holds sizes, versions and the sha256 of the other
    files; nothing is pickled.

    Args:
        student: the student.
        folder: output folder, created if absent; other files in it stay.
        codes: code head that explains its predictions. (default: none)
        card: further facts in JSON types, such as class names, teacher, seed and accuracy. (default: none)

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
    """Load a student of :func:`save_student`, bit for bit, in evaluation mode on the CPU.

    Args:
        folder: the folder that holds ``student.safetensors`` and ``card.json``.

    Raises:
        FileNotFoundError: one of the two files is missing.
        ValueError: a file is damaged, does not belong to the other, or has another layout.
    """
    folder = expanded(folder)
    facts = read_card(folder, FORMAT, {"sha256": str}, writer="save_student")
    path = folder / "student.safetensors"
    try:
        # Without memory or random numbers for weights that are replaced next.
        with torch.device("meta"):
            student = VQGraphStudent(**facts.get("config", {}))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{folder} {UNFIT}: {str(error)[:200]}; distil again") from None
    expected = student.state_dict()

    def check(header: Header) -> None:
        try:
            check_names(header, expected)
            dtype = check_tensor(header, "lins.0.weight", FLOATS, None, None).dtype
            for name, weight in expected.items():
                check_tensor(header, name, (dtype if weight.is_floating_point() else weight.dtype,), *weight.shape)
        except ValueError as error:
            raise ValueError(f"{UNFIT}: it {error}") from None

    tensors = read_tensors(path, facts["sha256"], check, writer="save_student")
    try:
        for name, value in tensors.items():
            check_finite(name, value)
            if name.endswith("running_var"):
                check_range(name, value, 0, math.inf)
    except ValueError as error:
        raise ValueError(f"{path} is damaged: it {error}; distil again") from None
    student.load_state_dict(tensors, assign=True)
    student.eval()
    return student


def load_codes(folder: str | Path) -> CodeHead:
    """Load the code head that :func:`save_student` stored with a student.

    Args:
        folder: the folder that holds ``codes.safetensors`` and ``card.json``.

    Raises:
        FileNotFoundError: one of the two files is missing.
        ValueError: the student was saved without codes, a file is damaged, does not belong to the other, or has
            another layout.
    """
    folder = expanded(folder)
    facts = read_card(folder, FORMAT, {"sha256": str, "config": dict}, writer="save_student")
    if "codes_sha256" not in facts:
        raise ValueError(f"{folder} holds a student without codes; give codes to save_student")
    path, config = folder / "codes.safetensors", facts["config"]

    def check(header: Header) -> None:
        check_names(header, ["linear.weight", "linear.bias", *Meanings._fields])
        weight = check_tensor(header, "linear.weight", FLOATS, None, None)
        num_codes, width = weight.shape
        num_layers = config.get("num_layers", 2)
        hidden = config.get("hidden_channels" if num_layers != 1 else "out_channels")
        if width != hidden:
            raise ValueError(f"holds a head for a hidden layer of width {width}, but the student's has {brief(hidden)}")
        check_tensor(header, "linear.bias", (weight.dtype,), num_codes)
        check_tensor(header, "members", (torch.long,), num_codes)
        check_tensor(header, "nearest", (torch.long,), num_codes, None)
        check_tensor(header, "degree", FLOATS, num_codes)
        for name in ("classes", "neighbours"):
            check_tensor(header, name, FLOATS, num_codes, config.get("out_channels"))

    tensors = read_tensors(path, facts["codes_sha256"], check, writer="save_student")
    try:
        for name, value in tensors.items():
            check_finite(name, value)
        for name, least, most in (("members", 0, MAX_COUNT), ("nearest", -1, MAX_COUNT), ("degree", 0, MAX_COUNT)):
            check_range(name, tensors[name], least, most)
        for name in ("classes", "neighbours"):
            check_range(name, tensors[name], 0, 1)
    except ValueError as error:
        raise ValueError(f"{path} is damaged: it {error}; distil again") from None
    weight, bias = tensors.pop("linear.weight"), tensors.pop("linear.bias")
    linear = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    linear.load_state_dict({"weight": weight, "bias": bias}, assign=True)
    return CodeHead(linear, Meanings(**tensors)).eval()
