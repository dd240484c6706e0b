"""The page of methods, made from their modules when the site is built, so that it cannot drift; and equations."""

from __future__ import annotations

import ast
import importlib.util
import re
from html import unescape
from pathlib import Path
from typing import Any

import latex2mathml.converter
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from fed.methods import FAMILY as FED
from graphdistill.condense.methods import FAMILY as CONDENSE
from graphdistill.core.methods import Family

FAMILIES = {
    "condense": ("Dataset distillation", "python -m graphdistill.condense", CONDENSE),
    "fed": ("Federated learning", "python -m fed", FED),
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page of methods."""
    files.append(File.generated(config, "methods.md", content=page()))
    return files


def on_page_content(html: str, **_: Any) -> str:
    """Write equations as MathML, which browsers show without a script."""
    return re.sub(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', _mathml, html, flags=re.DOTALL)


def _mathml(match: re.Match[str]) -> str:
    display = "block" if match[1] == "div" else "inline"
    return latex2mathml.converter.convert(unescape(match[2]).replace(r"\|", r"\Vert "), display=display)


def page() -> str:
    """A card for every method of every family: what it is, its equation, paper, fields, command."""
    parts = [
        "# Methods",
        "One card a method, made from its module. `--method list` prints them in a terminal, `--method NAME --help` "
        "shows the fields of one as options; in Python they are the fields of its `Config`.",
    ]
    for title, command, family in FAMILIES.values():
        parts += [f"## {title}", *(card(name, command, family) for name in family.names())]
    return "\n\n".join(parts) + "\n"


def card(name: str, command: str, family: Family) -> str:
    """The card of one method."""
    source = (family.folder / f"{name.replace('-', '_')}.py").read_text(encoding="utf-8")
    text = _markdown()(ast.get_docstring(ast.parse(source)) or "")
    fields = family.config_type(name)
    rows = [
        f"| `--{field.replace('_', '-')}` | `{getattr(fields(), field)!r}` | {about} |"
        for field, about in fields.docs.items()
    ]
    table = ["| option | default | |", "| --- | --- | --- |", *rows] if rows else ["It has no options of its own."]
    return "\n".join(
        [
            f"### `{name}`\n",
            f"{text}\n",
            f"**Paper:** {family.about(name)[1]}. **For:** {', '.join(family.kinds(name))}.\n",
            "```bash",
            f"{command} --method {name}",
            "```\n",
            *table,
        ]
    )


def _markdown() -> Any:
    spec = importlib.util.spec_from_file_location("roles", Path(__file__).with_name("roles.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.markdown
