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

import graphdistill
from fed.methods import FAMILY as FED
from graphdistill.compress.methods import FAMILY as COMPRESS
from graphdistill.condense.methods import FAMILY as CONDENSE
from graphdistill.core.methods import Family, Result, constants, result
from graphdistill.generate.methods import FAMILY as GENERATE
from graphdistill.kd.methods import FAMILY as KD
from graphdistill.protect.methods import FAMILY as PROTECT
from graphdistill.unlearn.methods import FAMILY as UNLEARN

FAMILIES = {
    "condense": ("Dataset distillation", "python -m graphdistill.condense", CONDENSE),
    "kd": ("Knowledge distillation", "python -m graphdistill.kd", KD),
    "compress": ("Compression", "python -m graphdistill.compress", COMPRESS),
    "generate": ("Generators", "python -m graphdistill.generate", GENERATE),
    "protect": ("Protection", "python -m graphdistill.protect", PROTECT),
    "unlearn": ("Unlearning", "python -m graphdistill.unlearn", UNLEARN),
    "fed": ("Federated learning", "python -m fed", FED),
}


SINGLE = {
    "mirage": ("Mirage", "python -m graphdistill.mirage", "mirage.md"),
    "vqgraph": ("VQGraph", "python -m graphdistill.vqgraph", "vqgraph.md"),
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
    """A card for every method: what it is, its equation, paper, numbers, fields, command."""
    parts = [
        "# Methods",
        "One card a method, made from its module. `--method list` prints them in a terminal, `--method NAME --help` "
        "shows the fields of one as options; in Python they are the fields of its `Config`. Numbers of papers are on "
        "their own data and networks; those measured here are test accuracy, mean ± standard deviation, with equal "
        "entries of each class, on a CPU ([benchmarks](benchmarks/index.md)).",
    ]
    for name, (title, command, above) in SINGLE.items():
        parts += [f"## {title}", package_card(name, command, above)]
    for title, command, family in FAMILIES.values():
        parts += [f"## {title}", *(card(name, command, family) for name in family.names())]
    return "\n\n".join(parts) + "\n"


def card(name: str, command: str, family: Family) -> str:
    """The card of one method of a family."""
    source = family.folder / f"{name.replace('-', '_')}.py"
    fields = family.config_type(name)
    rows = [
        f"| `--{field.replace('_', '-')}` | `{getattr(fields(), field)!r}` | {about} |"
        for field, about in fields.docs.items()
    ]
    table = ["| option | default | |", "| --- | --- | --- |", *rows] if rows else ["It has no options of its own."]
    paper = f"{family.about(name)[1]}. **For:** {', '.join(family.kinds(name))}"
    return "\n".join([*_head(name, source, paper, family.result(name), f"{command} --method {name}"), "", *table])


def package_card(name: str, command: str, above: str) -> str:
    """The card of a package that is a method of its own."""
    source = Path(graphdistill.__file__).parent / name / "__init__.py"
    head = _head(name, source, constants(source)["PAPER"], result(source), command)
    return "\n".join([*head, "", f"Its options and examples: [{name}]({above})."])


def _head(name: str, source: Path, paper: str, found: Result, command: str) -> list[str]:
    """All of a card but its options."""
    text = _markdown()(ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or "")
    return [
        f"### `{name}`\n",
        f"{text}\n",
        f"- **Paper:** {_linked(paper)}.",
        f"- **The paper's number:** {found.paper}",
        f"- **Measured here:** {found.ours}",
        f"- **Different here:** {found.differs}",
        *([f"- **Where it does not pay:** {found.instead}"] if found.instead else []),
        "\nThe first command runs it, the second measures it:\n",
        "```bash",
        command,
        found.command,
        "```",
    ]


def _linked(text: str) -> str:
    return re.sub(r"https?://[^\s)]*[^\s).]", r"<\g<0>>", text)


def _markdown() -> Any:
    spec = importlib.util.spec_from_file_location("roles", Path(__file__).with_name("roles.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.markdown
