"""Config of VQGraph distillation, and the options of its command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from graphdistill.core.command.base import BaseCommand, check_counts
from graphdistill.core.config_checks import check_positive
from graphdistill.kd.nodes.config import TeacherConfig


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig:
    """Size, losses and training of a tokenizer."""

    dim: int = 128
    """Width of a code."""
    edge_weight: float = 1.0
    """Weight of the edge loss."""
    commitment: float = 0.25
    """Weight of the commitment loss (as in VQ-VAE)."""
    link: Literal["sigmoid", "minmax"] = "sigmoid"
    """Function from similarities of codes to edges."""
    decay: float = 0.9
    """Decay of the codebook's moving averages."""
    epochs: int = 50
    """Number of passes over the nodes."""
    lr: float = 3e-3
    """Learning rate of Adam."""
    batch_size: int | None = None
    """Nodes per step, with sampled neighbours (default: that of the distillation, else all nodes in one step)."""
    fanout: int = 5
    """Sampled neighbours of each node of a batch, because random nodes have hardly any edges among them."""
    kmeans_nodes: int = 100_000
    """Largest number of random nodes that the codes are initialized by and refined on at the end, by k-means."""

    def __post_init__(self) -> None:
        names = ("dim", "epochs", "fanout", "kmeans_nodes")
        check_positive(self, *names, *(["batch_size"] if self.batch_size is not None else []))
        if not self.lr > 0:
            raise ValueError(f"lr must be above 0, got {self.lr}")
        for name in ("edge_weight", "commitment"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")
        if self.link not in ("sigmoid", "minmax"):
            raise ValueError(f"link must be sigmoid or minmax, got {self.link!r}")
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must be from 0 to below 1, got {self.decay}")


@dataclass(frozen=True, kw_only=True)
class VQGraphConfig:
    """Hyperparameters of the distillation; the defaults were best on validation, over cora and citeseer together.

    Those of chosen targets were set on cora, citeseer and twitch graphs, on seeds 0 to 4, which are not reported.
    """

    num_codes: int = 64
    """Number of codes in the tokenizer's codebook."""
    hidden: int = 128
    """Width of the student's hidden layers (as the paper)."""
    num_layers: int = 2
    """Number of linear layers of the student."""
    dropout: float = 0.5
    """Dropout after each hidden layer."""
    input_dropout: float = 0.5
    """Dropout of the input features."""
    epochs: int = 200
    """Number of passes over the nodes."""
    lr: float = 0.01
    """Learning rate of Adam."""
    weight_decay: float = 1e-4
    """Weight decay of Adam."""
    batch_size: int | None = None
    """Nodes per step (default: all nodes in one step)."""
    eval_every: int = 4
    """Epochs between validation checks."""
    averaged_checks: int = 5
    """Validation checks that are averaged to choose the checkpoint: one check on 200 nodes is noisy."""
    hard_weight: float = 0.0
    """Weight of the loss on the hard labels of the training nodes; the loss on soft labels has weight 1."""
    code_weight: float = 0.1
    """Weight of the loss on code assignments; with 0 no tokenizer is trained."""
    code_temperature: float = 0.05
    """Temperature of the tokenizer's soft assignments; the student's linear head learns a matching scale."""
    metric: Literal["cosine", "euclidean"] = "cosine"
    """Distance between hidden vectors and codes: cosine or euclidean."""
    targets: Literal["chosen", "spread"] = "chosen"
    """chosen: the mean of those targets that are as good on validation as the best one, because spreading helps where
    neighbours are of one class and hurts elsewhere; spread: label spreading of the strength below."""
    spreadings: tuple[tuple[int, float, float], ...] = ((1, 0.5, 0.0), (10, 0.2, 0.0), (10, 0.2, 0.3), (10, 0.05, 0.3))
    """Rounds, restart and feature weight of the label spreadings that chosen targets are chosen among, from weak to
    strong; the teacher's soft labels are always among them, and each has three kinds of class shares."""
    confidence: float = 0.4
    """Mean entropy of chosen targets, as a share of that of the teacher's soft labels: a student of targets that are
    nearly uniform predicts classes in other shares than its targets."""
    spread_steps: int = 10
    """Rounds of label spreading from the teacher's soft labels; 0 uses them unchanged, as GLNN does."""
    restart: float = 0.2
    """Share of the teacher's own soft label in each round of label spreading."""
    feature_neighbours: int = 5
    """Nearest nodes in feature space that labels also spread to, in addition to the graph's neighbours."""
    feature_weight: float = 0.3
    """Weight of the edges to nearest nodes in feature space; edges of the graph have weight 1."""
    sharpen: float = 3.0
    """Exponent that sharpens the labels after spreading; 1 leaves them unchanged."""
    teacher: TeacherConfig = TeacherConfig()
    """Training of the teacher, where it is trained here."""
    tokenizer: TokenizerConfig = TokenizerConfig()
    """Training of the tokenizer."""

    def __post_init__(self) -> None:
        check_positive(self, "num_codes", "hidden", "num_layers", "epochs", "eval_every", "averaged_checks")
        for name in ("dropout", "input_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be from 0 to below 1, got {getattr(self, name)}")
        for name in (
            "weight_decay",
            "hard_weight",
            "code_weight",
            "spread_steps",
            "feature_neighbours",
            "feature_weight",
        ):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")
        if self.targets not in ("chosen", "spread"):
            raise ValueError(f"targets must be chosen or spread, got {self.targets!r}")
        if any(not (steps >= 1 and 0 <= share <= 1 and weight >= 0) for steps, share, weight in self.spreadings):
            raise ValueError(
                "spreadings must hold rounds of 1 or more, restarts from 0 to 1 and feature weights of 0 or more, "
                f"got {self.spreadings}"
            )
        for name in ("lr", "code_temperature", "sharpen", "confidence"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if not 0 <= self.restart <= 1:
            raise ValueError(f"restart must be from 0 to 1, got {self.restart}")
        if self.batch_size is not None and not self.batch_size >= 1:
            raise ValueError(f"batch_size must be 1 or more, got {self.batch_size}")


@dataclass(frozen=True, kw_only=True)
class Command(BaseCommand):
    """Options of the command."""

    dataset: str = "digits-knn"
    """digits-knn (no download), cora and the other CPF data sets, planetoid-NAME or ogbn-NAME."""
    output: Path = Path("runs/vqgraph")
    """Folder that the student, report.html, results.json, results.csv and figure.png are written to."""
    teacher: Literal["GCN", "GraphSAGE", "GAT", "APPNP"] = "GCN"
    """Network that is trained as the teacher and distilled."""
    layer: str = ""
    """Path of the teacher's hidden layer whose output is quantized into codes (default: its first hidden layer)."""
    num_codes: int = 64
    """Number of codes in the tokenizer's codebook."""
    hidden: int = 128
    """Width of the hidden layers of teacher and student."""
    setting: Literal["transductive", "inductive"] = "transductive"
    """transductive: all nodes are seen in training; inductive: a fifth of the test nodes is held out with its edges."""
    protocol: Literal["honest", "paper"] = "honest"
    """honest: checkpoints are chosen on validation, as for all baselines; paper: on test, as published."""
    full_batch_nodes: int = 200_000
    """Largest number of nodes for training on the whole graph; a larger graph is trained in batches, without nearest
    nodes in feature space, whose time is quadratic."""
    seeds: int = 5
    """Number of runs, each with its own split, teacher and student."""
    seed: int = 0
    """Seed of the first run; later runs add 1 each."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_counts(self, "seeds", "num_codes", "hidden", "full_batch_nodes")
        if self.protocol == "paper" and self.setting != "transductive":
            raise ValueError(f"--protocol paper is transductive, got --setting {self.setting}; leave one of them out")
