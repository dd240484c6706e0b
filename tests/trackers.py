"""A tracker that keeps what is logged."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from graphdistill.core.command import tracking


def tracked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, dict[str, float]]]:
    """Let every tracker be one that keeps what is logged, in the list that is returned."""
    logged: list[tuple[int, dict[str, float]]] = []

    class Kept:
        def __init__(self, *_: object) -> None:
            pass

        def log(self, step: int, values: Mapping[str, float]) -> None:
            logged.append((step, dict(values)))

        def close(self) -> None:
            pass

    monkeypatch.setattr(tracking, "TRACKERS", dict.fromkeys(tracking.TRACKERS, Kept))
    monkeypatch.setattr(tracking, "check_tracker", lambda _: None)
    return logged
