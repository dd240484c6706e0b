"""Config of knowledge distillation, and the options of its command."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from graphdistill.core.command.base import BaseCommand, TableColumns, check_counts
from graphdistill.core.methods import MethodConfig
from graphdistill.kd.methods import FAMILY


@dataclass(frozen=True, kw_only=True)
class KDConfig:
    """Training of a student, for :func:`~graphdistill.kd.distill.distill_kd`; defaults depend on the kind of data."""

    steps: int | None = None
    """Optimizer steps (default: 200 for nodes, 300 for graphs and texts, 600 for images and tagged words, 2,000 for
    language models)."""
    batch_size: int | None = None
    """Entries a step (default: all nodes of a graph, 512 graphs, 128 images, 64 texts or sentences, 32 windows)."""
    lr: float | None = None
    """Learning rate of AdamW, which decays to 0 on a cosine (default: 0.01 for nodes, 0.005 for language models
    and tagged words, otherwise 0.003)."""
    weight_decay: float | None = None
    """Decoupled weight decay (default: 0.0005 for nodes, otherwise 0.0001)."""
    eval_every: int | None = None
    """Steps between validation checks (default: 4 for nodes, 20 for graphs, 25 for texts, 50 for images, 100 for
    tagged words, 250 for language models)."""
    patience: int | None = None
    """Validation checks without improvement after which training stops early (default: it never does)."""

    def __post_init__(self) -> None:
        given = [name for name in ("steps", "batch_size", "eval_every", "patience") if getattr(self, name) is not None]
        check_counts(self, *given)
        if self.lr is not None and not self.lr > 0:
            raise ValueError(f"--lr must be above 0, got {self.lr}")
        if self.weight_decay is not None and not self.weight_decay >= 0:
            raise ValueError(f"--weight-decay must be 0 or more, got {self.weight_decay}")


def training_of(command: KDConfig) -> KDConfig:
    """The training alone of a command that has further options.

    Example:
        >>> training_of(Command(steps=20)) == KDConfig(steps=20)
        True
    """
    return KDConfig(**{f.name: getattr(command, f.name) for f in fields(KDConfig)})


@dataclass(frozen=True, kw_only=True)
class Command(KDConfig, TableColumns, BaseCommand):
    """Options of the command."""

    method: str | MethodConfig = "kd"
    """Name of the method (list prints them all)."""
    dataset: str = "digits-knn"
    """digits-knn, pains, digits, mnist5k, breast-cancer (no download), cora, ogbg-molhiv, text/trec, a file, ..."""
    domains: tuple[str, ...] = ()
    """Further data sets with the same classes, each another domain of one joint data set, for methods that tell
    domains apart (default: none)."""
    output: Path = Path("runs/kd")
    """Folder that the student, its card, report.html, results.json, results.csv and figure.png are written to."""
    teacher: tuple[str, ...] = ()
    """Networks of the teachers, which are trained first; the probabilities of several are averaged (default: GCN for
    nodes, GIN for graphs, ConvNet for images, Transformer for text, MLP for rows of a table; meal-v2 trains
    three of them)."""
    sources: tuple[str, ...] = ()
    """Other data sets that the teachers are trained on instead (default: none; for distill-nearest and
    distill-weighted the other countries of twitch or the other sets of digits)."""
    student: str = ""
    """Network of the student (default: MLP for nodes, GIN-16 for graphs, ConvNet-8 for images, NGrams for texts,
    Transformer-32 for language models, MLP-8 for rows of a table); for graphs also tree-counts and tree-counts-mlp."""
    labels: int | None = None
    """Labelled training entries of each class; the others are unlabelled (default: all labels are used)."""
    ask: tuple[float, ...] = ()
    """Shares of entries, 0 to 1, that the student passes on to its teacher where it is least sure: accuracy for each,
    and asking.png (default: none)."""
    seeds: int = 3
    """Number of teachers, each with its own students."""
    seed: int = 0
    """First seed, and seed of the data split; later seeds add 1 each."""

    def __post_init__(self) -> None:
        BaseCommand.__post_init__(self)
        KDConfig.__post_init__(self)
        FAMILY.check(self.method)
        for share in self.ask:
            if not 0 <= share <= 1:
                raise ValueError(f"--ask must be shares from 0 to 1, got {share}")
        check_counts(self, "seeds", *(["labels"] if self.labels is not None else []))
