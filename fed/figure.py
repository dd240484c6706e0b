"""Figures of a federation: validation by round, test by client."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from fed.config import FedConfig
from graphdistill.core.command.drawing import Figure, MaxNLocator

NAMED = 8
"""Most clients that the legend names."""


def draw_rounds(outcome: dict[str, Any], path: Path) -> None:
    """Validation score of the global model after each round: a thin line for each client, a thick one for the mean."""
    lines: dict[int, list[tuple[int, float]]] = {}
    for number, scores in [*((line["round"] - 1, line["valid before"]) for line in outcome["history"]), _last(outcome)]:
        for client, value in scores.items():
            lines.setdefault(client, []).append((number, value))
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for client, points in sorted(lines.items()):
        label = title(outcome, client) if len(lines) <= NAMED else None
        axes.plot(*zip(*points, strict=True), linewidth=1, alpha=0.7, label=label)
    by_round: dict[int, list[float]] = {}
    for number, value in (point for points in lines.values() for point in points):
        by_round.setdefault(number, []).append(value)
    means = [statistics.fmean(by_round[number]) for number in sorted(by_round)]
    axes.plot(sorted(by_round), means, color="black", linewidth=2, label="mean")
    axes.axvline(outcome["chosen round"], color="grey", linestyle=":", label="chosen")
    axes.set(xlabel="rounds", ylabel=f"validation {outcome['metric']}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=150)


def draw_clients(config: FedConfig, outcome: dict[str, Any], path: Path) -> None:
    """Test score of every client, with those of the baselines."""
    scores = {config.label: outcome["test"], **outcome["baselines"]}
    clients = sorted(outcome["test"])
    figure = Figure(figsize=(max(4, min(12, 1 + len(clients))), 4), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(scores)
    for place, (name, by_client) in enumerate(scores.items()):
        spots = [number + (place - (len(scores) - 1) / 2) * width for number in range(len(clients))]
        axes.bar(spots, [by_client.get(client, 0) for client in clients], width, label=name)
    axes.set_xticks(
        range(len(clients)), [title(outcome, c) for c in clients], rotation=30, ha="right", fontsize="small"
    )
    axes.set(ylabel=f"test {outcome['metric']}")
    axes.legend(fontsize="small", loc="lower right")
    figure.savefig(path, dpi=150)


def title(outcome: dict[str, Any], client: int) -> str:
    """Number and name of a client; a client that is gone since the run was resumed has no name.

    Example:
        >>> title({"names": {0: "digits"}}, 0), title({"names": {}}, 1)
        ('0 digits', '1')
    """
    return f"{client} {outcome['names'].get(client, '')}".strip()


def _last(outcome: dict[str, Any]) -> tuple[int, dict[int, float]]:
    return max((line["round"] for line in outcome["history"]), default=0), outcome["final valid"]
