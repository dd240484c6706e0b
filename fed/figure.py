"""Figures of a federation: validation by round, test by client."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from fed.config import FedConfig
from graphdistill.core.command.drawing import MaxNLocator
from graphdistill.core.command.score_plot import METRICS
from graphdistill.core.command.style import (
    COLOURS,
    DEPTHS,
    GREY,
    LIGHT,
    MARKERS,
    Kind,
    add_panel,
    coloured_words,
    kind_of,
    margin_labels,
    new_figure,
    save,
    styled,
)

NAMED = 8
"""Most clients whose lines have a label."""
LISTED = 30
"""Most clients whose test scores have a name and a line of their own; of more, only numbers are shown."""
SIGNS: dict[Kind, str] = {"distilled": "★", "untrained": "✖", "simple": "▼"}
"""Markers of rows in text."""


def draw_rounds(outcome: dict[str, Any], path: Path) -> None:
    """Validation score of the global model after each round: a thin line for each client, a thick one for the mean."""
    lines: dict[int, list[tuple[int, float]]] = {}
    for number, scores in [*((line["round"] - 1, line["valid before"]) for line in outcome["history"]), _last(outcome)]:
        for client, value in scores.items():
            lines.setdefault(client, []).append((number, value))
    by_round: dict[int, list[float]] = {}
    for number, value in (point for points in lines.values() for point in points):
        by_round.setdefault(number, []).append(value)
    rounds = sorted(by_round)
    means = [statistics.fmean(by_round[number]) for number in rounds]
    metric, chosen = METRICS.get(outcome["metric"], outcome["metric"]), outcome["chosen round"]
    with styled():
        figure = new_figure(8.0, 4.9, f"Validation {metric} by round", "thin: a client, thick: the mean of all clients")
        axes = add_panel(figure, 0.8, 1.15, 5.0, 3.1)
        labels = []
        for client, points in sorted(lines.items()):
            colour = DEPTHS[1 + client % (len(DEPTHS) - 1)]
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=1, alpha=0.9 if len(lines) <= NAMED else 0.3)
            if len(lines) <= NAMED:
                labels.append((points[-1][1], f"{title(outcome, client)} {points[-1][1]:.3f}", colour))
        if means:
            axes.plot(rounds, means, color=COLOURS["distilled"], linewidth=2.4)
            labels.append((means[-1], f"mean {means[-1]:.3f}", COLOURS["distilled"]))
        axes.axvline(chosen, color=GREY, linewidth=1.2, linestyle=(0, (1, 2)))
        first, last = (rounds[0], rounds[-1]) if rounds else (0, 1)
        axes.set_xlim(min(first, chosen), max(last, chosen, first + 1))
        across = axes.get_xaxis_transform()
        side = "left" if 2 * chosen < first + last else "right"
        axes.text(chosen, 1.03, f"chosen: round {chosen}", color=GREY, ha=side, size=9, transform=across)
        axes.set(xlabel="rounds", ylabel=f"validation {metric}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", color=LIGHT, linewidth=0.8)
        axes.set_ylim(*axes.get_ylim())
        margin_labels(axes, labels)
        save(figure, path)


def draw_clients(config: FedConfig, outcome: dict[str, Any], path: Path) -> None:
    """Test score of every client, a line each, with those of the baselines."""
    scores = {config.label: outcome["test"], **outcome["baselines"]}
    clients = sorted(outcome["test"])
    metric = METRICS.get(outcome["metric"], outcome["metric"])
    names = [title(outcome, client) for client in clients]
    listed = len(clients) <= LISTED
    down = max(1.2, 0.3 * len(clients)) if listed else 0.09 * len(clients) + 1
    with styled():
        figure = new_figure(8.4, 1.75 + down, f"Test {metric} by client")
        words = []
        left = 0.5 + 0.085 * max(map(len, names), default=0) if listed else 0.8
        axes = add_panel(figure, left, 1.0, 8.4 - left - 0.5, down)
        for number, (name, by_client) in enumerate(scores.items()):
            kind: Kind = "distilled" if not number else kind_of(name)
            shown = [(by_client[client], place) for place, client in enumerate(clients) if client in by_client]
            (points,) = axes.plot(*zip(*shown, strict=True), color=COLOURS[kind], linestyle="none", zorder=4)
            points.set(marker=MARKERS[kind], markersize=12 if kind == "distilled" else 7, markeredgecolor="white")
            words.append((f"{SIGNS.get(kind, '●')} {name}", COLOURS[kind]))
        coloured_words(figure, 0.3, 0.65, words, 9.5)
        if listed:
            axes.set_yticks(range(len(clients)), names)
        else:
            axes.set_ylabel("clients")
        axes.tick_params(axis="y", length=0)
        axes.set(ylim=(len(clients) - 0.4, -0.6), xlabel=f"test {metric}")
        axes.grid(color=LIGHT, linewidth=0.8)
        axes.set_axisbelow(True)
        save(figure, path)


def title(outcome: dict[str, Any], client: int) -> str:
    """Number and name of a client; a client that is gone since the run was resumed has no name.

    Example:
        >>> title({"names": {0: "digits"}}, 0), title({"names": {}}, 1)
        ('0 digits', '1')
    """
    return f"{client} {outcome['names'].get(client, '')}".strip()


def _last(outcome: dict[str, Any]) -> tuple[int, dict[int, float]]:
    return max((line["round"] for line in outcome["history"]), default=0), outcome["final valid"]
