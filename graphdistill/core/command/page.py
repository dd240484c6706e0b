"""A report as a self-contained HTML page: table, figures, command and versions."""

from __future__ import annotations

import base64
import html
import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.table import Table

from graphdistill.core.command.output import write_text
from graphdistill.core.command.report import Report, plain, versions

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; line-height: 1.2; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { caption-side: bottom; text-align: left; padding-top: .5rem; opacity: .8; white-space: pre-line; }
th, td { padding: .3rem .7rem; text-align: right; vertical-align: top; white-space: pre-line; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid; vertical-align: bottom; } tbody tr + tr td { border-top: 1px solid #8884; }
h3 { font-size: 1rem; } .figures { display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: flex-end; }
figure { margin: 0; } img { max-width: 100%; background: #fff; } figcaption { opacity: .8; font-size: .9rem; }
table.facts td { text-align: left; }
pre { overflow-x: auto; background: #8881; padding: 1rem; }
"""


FIRST = ("figure", "rounds", "clients", "set", "global")
"""Figures that stand first on a page, without their suffix."""


def write_page(report: Report, shown: Table, folder: Path) -> None:
    """Write ``report.html`` into a folder of results: title, table, PNGs and SVGs there, notes, command and versions.

    The page loads no external files. It is written atomically.

    Args:
        report: the report.
        shown: its table, as printed in a terminal.
        folder: folder of the figures, which the page is written to.

    Raises:
        OSError: the folder cannot be written.
    """
    figures = sorted([*folder.glob("*.png"), *folder.glob("*.svg")], key=_place)
    parts = [
        f"<h1>{html.escape(report.title)}</h1>",
        _table(shown),
        *(["<h2>Figures</h2>", '<div class="figures">', *map(_figure, figures), "</div>"] if figures else []),
        "<h2>How it was made</h2>",
        _facts("Command", report.facts.get("command")),
        _facts("Versions", {**versions(), "device": report.facts.get("device")}),
        "<details><summary>All facts</summary>",
        f"<pre>{html.escape(json.dumps(plain(report.facts), indent=2))}</pre></details>",
    ]
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(report.title)}</title><style>{STYLE}</style></head><body>"
    )
    write_text(folder / "report.html", "\n".join([head, *parts, "</body></html>"]) + "\n")


def _table(shown: Table) -> str:
    columns = [[str(column.header), *map(str, column.cells)] for column in shown.columns]
    head, *lines = zip(*columns, strict=True)
    body = "\n".join(_row("td", line) for line in lines)
    caption = html.escape(str(shown.caption or ""))
    return (
        f'<div class="wide"><table><caption>{caption}</caption><thead>{_row("th", head)}</thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _row(tag: str, cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _place(path: Path) -> tuple[int, str]:
    """Order of figures: scores first, then what was distilled, and all others by name."""
    return FIRST.index(path.stem) if path.stem in FIRST else len(FIRST), path.name


def _figure(path: Path) -> str:
    """A figure of 160 pixels an inch at the 96 of a page, so that its text has the size of the page's."""
    data = path.read_bytes()
    kind, size = "svg+xml", ""
    if path.suffix == ".png":
        width, height = struct.unpack(">II", data[16:24])
        kind, size = "png", f' width="{3 * width // 5}" height="{3 * height // 5}"'
    source = base64.b64encode(data).decode()
    name = html.escape(path.name)
    return (
        f'<figure><img src="data:image/{kind};base64,{source}"{size} '
        f'style="height: auto" alt="{name}"><figcaption>{name}</figcaption></figure>'
    )


def _facts(title: str, facts: object) -> str:
    """Names and values as a table; empty if there are none."""
    if not isinstance(facts, Mapping):
        return ""
    lines = [_row("td", (str(name), _shown(value))) for name, value in facts.items() if value not in (None, "", False)]
    return f'<h3>{title}</h3><div class="wide"><table class="facts"><tbody>{"".join(lines)}</tbody></table></div>'


def _shown(value: object) -> str:
    simple = plain(value)
    if isinstance(simple, Sequence) and not isinstance(simple, str):
        return " ".join(map(str, simple))
    return json.dumps(simple) if isinstance(simple, dict) else str(simple)
