"""What every figure has to keep: no two texts touch, none is cut, all colours are those of the one table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from matplotlib.collections import Collection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from graphdistill.core.command import style

TABLE = {
    *(style.INK, style.GREY, style.LIGHT, style.EDGE, style.BOND, style.STUB, style.OTHER_ATOM, "#ffffff"),
    *style.COLOURS.values(),
    *style.CLASSES,
    *style.DEPTHS,
    *style.ATOMS.values(),
    *style.LABELS,
}


def check(figure: Figure) -> None:
    """All rules at once; the messages name the texts and colours that break them."""
    figure.draw_without_rendering()
    assert touching(figure) == []
    assert cut(figure) == []
    assert colours(figure) - TABLE == set()
    assert not any(axes.get_legend() for axes in figure.axes)


def texts(figure: Figure) -> Iterator[Text]:
    """All texts that are shown."""
    found = list(figure.texts)
    for axes in figure.axes:
        found += axes.texts
        if axes.axison:
            found += [axes.xaxis.label, axes.yaxis.label]
            for axis in (axes.xaxis, axes.yaxis):
                low, high = sorted(axis.get_view_interval())
                ticks = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=False)
                found += [label for place, label in ticks if low <= place <= high]
        found += [child for child in axes.get_children() if isinstance(child, Text) and child not in found]
    yield from (text for text in dict.fromkeys(found) if text.get_visible() and text.get_text().strip())


def touching(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts whose boxes overlap."""
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts(figure)]
    # A box is a pixel or two larger than its letters.
    boxes = [(text, box.padded(-1)) for text, box in boxes]
    return [(a, b) for (a, one), (b, other) in combinations(boxes, 2) if one.overlaps(other)]


def cut(figure: Figure) -> list[str]:
    """Texts that reach over the edge of the figure."""
    whole = figure.bbox
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts(figure)]
    inside = [box.x0 >= 0 and box.y0 >= 0 and box.x1 <= whole.x1 and box.y1 <= whole.y1 for _, box in boxes]
    return [text for (text, _), here in zip(boxes, inside, strict=True) if not here]


def colours(figure: Figure) -> set[str]:
    """All colours of texts, lines, points and areas, without their opacity."""
    found = {to_hex(text.get_color()) for text in texts(figure)}
    for axes in figure.axes:
        for artist in (*axes.lines, *axes.collections, *axes.patches):
            if isinstance(artist, Line2D):
                found.add(to_hex(artist.get_color()))
            elif isinstance(artist, Collection):
                found |= {to_hex(value) for value in (*artist.get_facecolor(), *artist.get_edgecolor())}
            elif isinstance(artist, Patch):
                found.add(to_hex(artist.get_facecolor()))
    return found
