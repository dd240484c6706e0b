"""Options of the command of compression."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from graphdistill.compress.methods import FAMILY
from graphdistill.core.command.base import BaseCommand, TableColumns, check_counts
from graphdistill.core.methods import MethodConfig
from graphdistill.kd.config import KDConfig


@dataclass(frozen=True, kw_only=True)
class Command(KDConfig, TableColumns, BaseCommand):
    """Options of the command."""

    method: str | MethodConfig = "quantized"
    """Name of the method (list prints them all)."""
    dataset: str = "digits"
    """digits, digits-knn, pains, mnist5k, breast-cancer (no download), cora, MUTAG, text/trec, a file, ..."""
    output: Path = Path("runs/compress")
    """Folder that the compressed network, its card, report.html, results.json, results.csv and figure.png are written
    to."""
    network: str = ""
    """Network that is trained and compressed (default: GCN for nodes, GIN for graphs, ConvNet for images, Transformer
    for text, MLP for rows of a table)."""
    model: Path | None = None
    """Folder of a trained network, with the card that python -m graphdistill.kd or unlearn wrote (default: a network is
    trained for each seed)."""
    labels: int | None = None
    """Labelled training entries of each class in the compression; the others are unlabelled (default: all labels are
    used). The network itself is trained on all."""
    onnx: bool = False
    """Also write the float network and the compressed one, with its coded weights and with int8 weights, as ONNX files,
    and report the latency of each (needs the extra onnx)."""
    seeds: int = 3
    """Number of networks, each compressed, on one split."""
    seed: int = 0
    """First seed, and seed of the data split; later seeds add 1 each."""

    def __post_init__(self) -> None:
        BaseCommand.__post_init__(self)
        KDConfig.__post_init__(self)
        FAMILY.check(self.method)
        check_counts(self, "seeds", *(["labels"] if self.labels is not None else []))
