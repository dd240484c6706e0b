"""Docstrings in reStructuredText's roles and maths as Markdown, for the site alone."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import griffe


def markdown(text: str) -> str:
    r"""A docstring whose roles are code and whose maths stands between dollars.

    Example:
        >>> markdown("As :math:`x^2` of :func:`~a.b.f` and ``code``.")
        'As $x^2$ of `f` and `code`.'
    """
    # The parser of the site takes doctests for code under this heading alone.
    text = re.sub(r"^Example:$", "Examples:", text, flags=re.MULTILINE)
    text = re.sub(r":math:`([^`]+)`", lambda m: "$" + " ".join(m[1].split()) + "$", text)
    text = re.sub(r":\w+:`~?\.?([^`]+)`", lambda m: f"`{m[1].split('.')[-1]}`", text)
    text = re.sub(r"``([^`]+)``", r"`\1`", text)
    return re.sub(r"^( *)\.\. math::(.*(?:\n(?:\1 +.*|(?=\n\1 )))*)", _display, text, flags=re.MULTILINE)


def _display(match: re.Match[str]) -> str:
    body = "\n".join(line.strip() for line in match[2].strip().splitlines())
    return textwrap.indent(f"\n$$\n{body}\n$$\n", match[1])


class Roles(griffe.Extension):
    """Turns the docstring of every object into Markdown when it is read."""

    def on_instance(self, *, obj: griffe.Object, **more: Any) -> None:
        """Change one docstring."""
        if obj.docstring:
            obj.docstring.value = markdown(obj.docstring.value)
