"""One style for all figures: colours by row, titles, and labels that do not touch each other.

Colours differ for people with any common colour blindness, and a row has the same one in the figures of all families.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from graphdistill.core.command.drawing import (
    AbstractPathEffect,
    Axes,
    EngFormatter,
    Figure,
    Text,
    rc_context,
    withStroke,
)

Kind = Literal["distilled", "random", "all", "simple", "untrained", "other"]
"""Kind of a row: distilled, random real data, all the data, a linear or trivial baseline, untrained, any other."""

INK, GREY, LIGHT, EDGE, BOND, STUB = "#14202b", "#7c8894", "#e8ecf0", "#9aa5b0", "#66727d", "#cdd5dc"
"""Colours of text, of remarks, of grids, of axes, of the edges of graphs and of those that lead on."""
COLOURS: dict[Kind, str] = {
    "distilled": "#c2185b",
    "random": "#c77700",
    "all": INK,
    "simple": "#3b8bd0",
    "untrained": GREY,
    "other": "#5e35a1",
}
MARKERS: dict[Kind, str] = {
    "distilled": "*",
    "random": "s",
    "all": "D",
    "simple": "v",
    "untrained": "X",
    "other": "o",
}
PREFIXES: dict[str, Kind] = {
    "distilled": "distilled",
    "random": "random",
    "RS2": "random",
    "means of random": "random",
    "mean": "simple",
    "all ": "all",
    "lossless": "all",
    "logistic regression": "simple",
    "ridge regression": "simple",
    "linear": "simple",
    "majority class": "simple",
    "largest class": "simple",
    "number of": "simple",
    "untrained": "untrained",
}
"""Kind of a row by the first words of its name."""
CLASSES = (
    *("#332288", "#88ccee", "#44aa99", "#117733", "#999933"),
    *("#ddcc77", "#cc6677", "#882255", "#aa4499", INK),
)
"""Colours of classes, after Paul Tol's muted scheme; further classes begin anew, so their numbers are written too."""
DEPTHS = ("#b4cbe0", "#7aa3c8", "#437aa8", "#1c4e7d")
"""Colours of depths, the deepest last."""
ATOMS = {"C": "#4d5763", "N": "#3561d1", "O": "#d8332a", "S": "#e3b505", "P": "#e8791a", "F": "#5cb85c"}
ATOMS |= {"Cl": "#2e9e44", "Br": "#96402a", "I": "#7b3fa0", "B": "#f0a58f", "Si": "#c9a66b", "Se": "#d99a2b"}
"""Colours of chemical elements, as usual in chemistry; figures write the element, too."""
OTHER_ATOM = "#d17ba8"
LABELS = ("#4c78a8", "#f2b134", "#59a14f", "#b279a2", "#76b7b2", "#e58b65", "#9d755d", "#a0a8b0")
"""Colours of node labels that are no chemical elements."""
MARGIN, DPI = 0.3, 160
"""Inches between the edge of a figure and its titles, and pixels of an inch."""

RC: dict[str, object] = {"font.family": "DejaVu Sans", "text.parse_math": False, "axes.titlelocation": "left"}
RC |= {"axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": EDGE, "axes.titlepad": 25}
RC |= dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), INK)
RC |= {
    "svg.hashsalt": "graphdistill",
    "xtick.color": GREY,
    "ytick.color": GREY,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
}
HALO: list[AbstractPathEffect] = [withStroke(linewidth=2.5, foreground="white")]
"""White rim of text on top of points or lines."""


def kind_of(name: str) -> Kind:
    """Kind of a row by its name, which decides its colour.

    Example:
        >>> kind_of("random graphs, equal bytes"), kind_of("RS2: new random subset every step"), kind_of("GLNN")
        ('random', 'random', 'other')
    """
    return next((kind for prefix, kind in PREFIXES.items() if name.startswith(prefix)), "other")


def colour_of(name: str) -> str:
    """Colour of a row by its name.

    Example:
        >>> colour_of("distilled set")
        '#c2185b'
    """
    return COLOURS[kind_of(name)]


def class_colour(label: int) -> str:
    """Colour of a class.

    Example:
        >>> class_colour(0) == class_colour(len(CLASSES))
        True
    """
    return CLASSES[label % len(CLASSES)]


def size_text(count: float) -> str:
    """A number of bytes in three digits.

    Example:
        >>> size_text(24_512)
        '24.5 kB'
    """
    return EngFormatter(unit="B")(float(f"{count:.3g}"))


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Matplotlib's settings for figures; characters that the font lacks are drawn as boxes without a warning."""
    with rc_context(RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield


def new_figure(width: float, height: float, title: str, subtitle: str = "") -> Figure:
    """An empty figure with a title and a grey line below it.

    Args:
        width: in inches.
        height: in inches.
        title: what the figure shows, in a few words.
        subtitle: what it shows exactly. (default: none)
    """
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    figure.text(MARGIN / width, 1 - 0.32 / height, title, size=14, weight="bold", va="center")
    if subtitle:
        figure.text(MARGIN / width, 1 - 0.6 / height, subtitle, color=GREY, va="center")
    return figure


def add_panel(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place in inches from the upper left corner of a figure."""
    across, down = figure.get_size_inches()
    return figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, or as SVG if its suffix is ``.svg``; equal figures give equal bytes."""
    kind = "svg" if path.suffix == ".svg" else "png"
    figure.savefig(path, format=kind, dpi=DPI, metadata={"Date" if kind == "svg" else "Software": None})


def wide_enough(title: str, subtitle: str, least: float) -> float:
    """Width in inches at which a title and the line below it fit, and at least ``least``."""
    return max(least, 2 * MARGIN + 0.125 * len(title), 2 * MARGIN + 0.09 * len(subtitle))


def apart(places: Sequence[float], heights: Sequence[float], low: float, high: float) -> list[float]:
    """Move places in ascending order as little as is easy, so that boxes of these heights around them do not overlap.

    Args:
        places: middles of the boxes, ascending.
        heights: heights of the boxes.
        low: where the lowest box may begin.
        high: where the highest box may end; boxes that do not fit go on below ``low``.

    Example:
        >>> apart([0.5, 0.5, 0.9], [0.2, 0.2, 0.2], 0.0, 1.0)
        [0.5, 0.7, 0.9]
    """
    moved: list[float] = []
    for place, height in zip(places, heights, strict=True):
        moved.append(max(place, low + height / 2))
        low = moved[-1] + height / 2
    for number in reversed(range(len(moved))):
        moved[number] = min(moved[number], high - heights[number] / 2)
        high = moved[number] - heights[number] / 2
    return [round(place, 12) for place in moved]


def margin_labels(axes: Axes, labels: Sequence[tuple[float, str, str]], size: float = 9.0) -> None:
    """Label values of the y axis on the right, moved apart so that labels do not touch.

    Args:
        axes: axes whose limits are final.
        labels: value, text and colour of each.
        size: size of the text, smaller where it does not fit otherwise. (default: 9)
    """
    low, high = axes.get_ylim()
    labels = sorted(labels)
    below, above = (limit / axes.bbox.height for limit in (-30 * axes.figure.dpi / 72, axes.bbox.height))
    texts = [axes.text(1.045, 0, text, color=colour, va="center") for _, text, colour in labels]
    heights: list[float] = []
    for smaller in (size, 0.9 * size, 0.8 * size, 0.7 * size):
        for text in texts:
            text.set(size=smaller, linespacing=1.1, transform=axes.transAxes)
        heights = [text.get_window_extent().height / axes.bbox.height + 0.012 for text in texts]
        if sum(heights) <= above - below:
            break
    values = [(value - low) / (high - low) for value, _, _ in labels]
    for text, value, place in zip(texts, values, apart(values, heights, below, 1.04), strict=True):
        axes.plot([1, 1.03], [value, place], color=text.get_color(), lw=0.8, transform=axes.transAxes, clip_on=False)
        text.set_y(place)


def coloured_words(figure: Figure, x: float, y: float, words: Sequence[tuple[str, str]], size: float = 9.0) -> None:
    """Write words in a line, each in its colour, from a place in inches from the upper left corner of a figure.

    Args:
        figure: the figure.
        x: where the line begins.
        y: middle of the line.
        words: text and colour of each.
        size: size of the text. (default: 9)
    """
    across, down = figure.get_size_inches()
    for text, colour in words:
        word = figure.text(x / across, 1 - y / down, text, color=colour, size=size, va="center")
        x += word.get_window_extent().width / figure.dpi + 0.09


def dots(axes: Axes, places: np.ndarray, labels: np.ndarray, *, size: float, alpha: float = 1.0) -> None:
    """Draw points in the colours of their classes; those that are not transparent have a dark edge.

    Args:
        axes: where they are drawn.
        places: x and y of each point, ``[n, 2]``.
        labels: class of each point, ``[n]``.
        size: area of a point in square points.
        alpha: opacity. (default: 1)
    """
    colours, edge = [class_colour(value) for value in labels.tolist()], INK if alpha == 1 else "none"
    axes.scatter(places[:, 0], places[:, 1], s=size, c=colours, alpha=alpha, linewidths=0.4, edgecolors=edge, zorder=2)


def label_groups(axes: Axes, places: np.ndarray, labels: np.ndarray) -> None:
    """Write the number of each class above one of its points; numbers that would touch move up or down.

    Args:
        axes: axes with the points.
        places: x and y of each point, ``[n, 2]``.
        labels: class of each point, ``[n]``.
    """
    # Limits that follow the data are computed only when they are read.
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())
    drawn: list[Text] = []
    for value in sorted(set(labels.tolist())):
        mine = places[labels == value]
        nearest = np.linalg.norm(mine - np.median(mine, axis=0), axis=1).argmin()
        x, y = axes.transData.transform(mine[nearest])
        text = axes.text(0, 0, str(value), ha="center", va="center", weight="bold", size=11, zorder=6)
        text.set_path_effects(HALO)
        step = text.get_window_extent().height / 2
        y += 1.5 * step
        for shift in (number * side * step for number in range(80) for side in (1, -1)):
            spot = axes.transData.inverted().transform((x, y + shift))
            text.set_position((float(spot[0]), float(spot[1])))
            box = text.get_window_extent().padded(2)
            inside = axes.bbox.y0 <= box.y0 and box.y1 <= axes.bbox.y1
            if inside and not any(box.overlaps(other.get_window_extent()) for other in drawn):
                break
        drawn.append(text)
