"""The methods, a module each: docstring, ``PAPER``, ``RESULT``, ``FOR``, ``Config``, and ``objective`` or ``distill``.

A method with the usual loop has ``objective(context, config) -> Objective``; one with a loop of its own has
``distill(context, config) -> FitResult`` and trains ``context.student`` in place, or returns a ``FoundStudent`` with
another network. Self-distillation has ``TEACHER = False``. ``COMPARED`` has the options of what the command compares a
method with, by row. ``student_view`` hides labels from the student that the teacher has. ``STUDENT`` names the student
of a kind of data where the usual one cannot be used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from graphdistill.core.methods import Family, MethodConfig

FAMILY = Family(__name__, Path(__file__).parent)


def needs_teacher(method: str | MethodConfig) -> bool:
    """Whether a method, which is imported, needs a trained teacher.

    Example:
        >>> needs_teacher("kd"), needs_teacher("sla")
        (True, False)
    """
    return bool(getattr(FAMILY.module(method), "TEACHER", True))


def default_student(method: str | MethodConfig, kind: str) -> str:
    """Name of the student that a method, which is imported, needs for a kind of data; empty for the usual one.

    Example:
        >>> default_student("further-pretraining", "images"), default_student("kd", "images")
        ('ViT-32', '')
    """
    found: Mapping[str, str] = getattr(FAMILY.module(method), "STUDENT", {})
    return found.get(kind, "")


def compared_with(method: str | MethodConfig) -> Mapping[str, MethodConfig]:
    """What a method is compared with apart from labels alone, by row of a report: plain ``kd``, and its own parts.

    Example:
        >>> list(compared_with("taid")), list(compared_with("sla"))
        (['kd'], ['plain augmentation'])
    """
    plain = {"kd": FAMILY.config("kd")} if needs_teacher(method) else {}
    config = FAMILY.config(method)
    parts = getattr(FAMILY.module(method), "COMPARED", {})
    return plain | {row: replace(config, **options) for row, options in parts.items()}
