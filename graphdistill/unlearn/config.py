"""Options of the command of unlearning."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from graphdistill.core.command.base import BaseCommand, check_counts
from graphdistill.core.methods import MethodConfig
from graphdistill.kd.config import KDConfig
from graphdistill.unlearn.methods import FAMILY

SHARE = 0.1
"""Share of the training entries that is forgotten where nothing else is asked for."""


@dataclass(frozen=True, kw_only=True)
class Command(KDConfig, BaseCommand):
    """Options of the command."""

    method: str | MethodConfig = "laf"
    """Name of the method (list prints them all)."""
    dataset: str = "digits"
    """digits, digits-knn, pains, mnist5k (no download), cora, MUTAG, text/trec, a file, ..."""
    output: Path = Path("runs/unlearn")
    """Folder that the unlearned model, its card, the request, report.html, results.json, results.csv and figure.png are
    written to."""
    request: Path | None = None
    """File of the training entries that are forgotten: a JSON list of indices, or one index a line."""
    forget_class: int | None = None
    """Class whose training entries are all forgotten."""
    forget_share: float | None = None
    """Random share of the training entries that is forgotten, between 0 and 1 (default: 0.1 where neither --request nor
    --forget-class is given)."""
    network: str = ""
    """Network of the model (default: GCN for nodes, GIN for graphs, ConvNet for images, Transformer for text)."""
    model: Path | None = None
    """Folder of a trained model, with the card that graphdistill wrote (default: a model is trained for each seed)."""
    seeds: int = 3
    """Number of models, each unlearned and retrained, on one split and one request."""
    seed: int = 0
    """First seed, and seed of the data split and of a random request; later seeds add 1 each."""

    def __post_init__(self) -> None:
        BaseCommand.__post_init__(self)
        KDConfig.__post_init__(self)
        FAMILY.check(self.method)
        check_counts(self, "seeds")
        given = [
            f"--{name.replace('_', '-')}"
            for name in ("request", "forget_class", "forget_share")
            if getattr(self, name) is not None
        ]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} both say what is forgotten; give one of them")
        if self.forget_share is not None and not 0 < self.forget_share < 1:
            raise ValueError(f"--forget-share must be above 0 and below 1, got {self.forget_share}")
