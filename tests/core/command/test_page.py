from __future__ import annotations

import base64
import html.parser
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graphdistill.core.command.page import write_page
from graphdistill.core.command.report import Report, Row, table

ROWS = (
    Row(name="distilled <set>", group="GIN", test=(0.7, 0.8), valid=(0.7, 0.8), nbytes=900, entries=3),
    Row(name="all the data", group="GIN", test=(0.9,), valid=(), nbytes=90_000, entries=1200),
)
FACTS = {
    "command": {"hops": 2, "root": "/home/me/data", "networks": ("GIN", "GAT"), "quiet": False},
    "training_bytes": 90_000,
}
REPORT = Report(title="Demo & more", metric="rocauc", rows=ROWS, facts=FACTS, notes=("A note.",))


class Reader(html.parser.HTMLParser):
    """Text of all cells, and all addresses that the page loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells, self.loaded, self.open = list[str](), list[str](), list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1] += data


def written(folder: Path, **figures: tuple[int, int]) -> str:
    for name, size in figures.items():
        Image.new("RGB", size, (200, 30, 90)).save(folder / f"{name}.png")
    write_page(REPORT, table(REPORT), folder)
    return (folder / "report.html").read_text(encoding="utf-8")


def test_it_holds_the_table_as_it_is_printed_and_loads_nothing(tmp_path: Path) -> None:
    page = Reader(written(tmp_path, figure=(40, 20)))
    assert page.open == []
    assert page.cells[:7] == ["set", "graphs", "bytes", "GIN", "average", "distil\ns", "train\ns"]
    assert page.cells[7:12] == ["distilled <set>", "3", "900 B\n1%", "0.750\n±0.071", "0.750\n±0.071"]
    assert [address.partition(",")[0] for address in page.loaded] == ["data:image/png;base64"]


def test_it_says_how_it_was_made_without_folders_of_the_machine(tmp_path: Path) -> None:
    text = written(tmp_path)
    cells = Reader(text).cells
    assert [cells[cells.index(name) + 1] for name in ("hops", "root", "networks")] == ["2", "data", "GIN GAT"]
    assert "quiet" not in cells
    assert "/home/me" not in text
    facts = re.search(r"<pre>(.*)</pre>", text, flags=re.DOTALL)
    assert facts is not None
    assert json.loads(facts[1].replace("&quot;", '"'))["training_bytes"] == 90_000
    assert "<h2>Figures</h2>" not in text
    assert "Demo &amp; more" in text


def test_figures_stand_in_the_order_of_their_names(tmp_path: Path) -> None:
    text = written(tmp_path, b=(30, 10), a=(20, 10))
    assert re.findall(r'width="(\d+)" height="(\d+)".*?alt="([^"]+)"', text) == [
        ("12", "6", "a.png"),
        ("18", "6", "b.png"),
    ]


def test_scores_come_first_and_what_was_distilled_next(tmp_path: Path) -> None:
    names = {"client-0": (5, 5), "set": (5, 5), "clients": (5, 5), "figure": (5, 5), "rounds": (5, 5)}
    text = written(tmp_path, **names)
    assert re.findall(r'alt="(.+?)\.png"', text) == ["figure", "rounds", "clients", "set", "client-0"]


BROWSER = next((found for name in ("chromium", "google-chrome", "chrome") if (found := shutil.which(name))), None)


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")
def test_a_browser_shows_it(tmp_path: Path) -> None:
    written(tmp_path, figure=(400, 300))
    assert BROWSER is not None
    options = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync"
    words = [BROWSER, *options.split(), "--disable-component-update", f"--user-data-dir={tmp_path / 'profile'}"]
    shot = tmp_path / "shot.png"
    words += ["--window-size=800,900", f"--screenshot={shot}", (tmp_path / "report.html").as_uri()]
    subprocess.run(words, capture_output=True, timeout=60, check=True)
    pixels = np.asarray(Image.open(shot).convert("RGB"))
    assert (pixels == (200, 30, 90)).all(axis=2).sum() > 0.9 * 240 * 180  # the figure, at 96 pixels an inch
    assert len(np.unique(pixels[:200].reshape(-1, 3), axis=0)) > 10  # text above it


def test_a_drawing_in_svg_is_part_of_the_page(tmp_path: Path) -> None:
    source = b'<svg xmlns="http://www.w3.org/2000/svg" width="40pt" height="20pt"></svg>'
    (tmp_path / "explain.svg").write_bytes(source)
    page = Reader(written(tmp_path, figure=(40, 20)))
    png, svg = (address for address in page.loaded if address.startswith("data:"))
    assert png.startswith("data:image/png;base64,")
    assert svg == f"data:image/svg+xml;base64,{base64.b64encode(source).decode()}"
