"""The settings of distilling a graph network, and the options of its command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from graphdistill.core.parallel import check_jobs


@dataclass(frozen=True, kw_only=True)
class VQGraphConfig:
    """What distilling may be told; the defaults were chosen on validation, over cora and citeseer together."""

    num_codes: int = 64
    """Codes of the tokenizer."""
    hidden: int = 128
    """Width of the student's hidden layers."""
    num_layers: int = 2
    """Linear layers of the student."""
    dropout: float = 0.5
    """Dropout after each hidden layer."""
    input_dropout: float = 0.5
    """Dropout of the features."""
    epochs: int = 200
    """Passes over the nodes."""
    lr: float = 0.01
    """Step size of Adam."""
    weight_decay: float = 1e-4
    """Weight decay of Adam."""
    batch_size: int | None = None
    """Nodes in a step (default: all at once)."""
    hard_weight: float = 0.0
    """Weight of the hard labels of the training nodes, beside soft labels of weight one."""
    code_weight: float = 0.1
    """Weight of the code assignments; 0 leaves the tokenizer out."""
    code_temperature: float = 0.05
    """Temperature of the tokenizer's assignments; the student's linear head learns the scale that fits it."""
    metric: Literal["cosine", "euclidean"] = "cosine"
    """How rows and codes are compared: cosine or euclidean."""
    spread_steps: int = 10
    """Rounds of spreading the teacher's soft labels; 0 takes them as they are, as GLNN does."""
    restart: float = 0.2
    """Share of the teacher's own answer in each round."""
    feature_neighbours: int = 5
    """Nodes nearest in features that labels are spread to, beside the graph's neighbours."""
    feature_weight: float = 0.3
    """Weight of their edges."""
    sharpen: float = 3.0
    """Exponent that makes spread labels sharp again."""

    def __post_init__(self) -> None:
        # Written so that NaN fails.
        for name in ("num_codes", "hidden", "num_layers", "epochs"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}")
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
        for name in ("lr", "code_temperature", "sharpen"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if not 0 <= self.restart <= 1:
            raise ValueError(f"restart must be from 0 to 1, got {self.restart}")
        if self.batch_size is not None and not self.batch_size >= 1:
            raise ValueError(f"batch_size must be 1 or more, got {self.batch_size}")


@dataclass(frozen=True, kw_only=True)
class Command:
    """Options of the command."""

    dataset: str = "digits-knn"
    """digits-knn (no download), cora and other CPF names, planetoid-NAME, ogbn-NAME."""
    root: Path | None = None
    """Folder of data sets (default: $GRAPHDISTILL_DATA, else the user cache)."""
    output: Path = Path("runs/vqgraph")
    """Folder for the student, results.json, results.csv and figure.png."""
    teacher: Literal["GCN", "GraphSAGE", "GAT", "APPNP"] = "GCN"
    """Network to distil."""
    layer: str = ""
    """Path of the teacher's hidden layer that codes are made of (default: its first)."""
    num_codes: int = 64
    """Codes of the tokenizer."""
    hidden: int = 128
    """Width of hidden layers, the teacher's and the student's."""
    setting: Literal["transductive", "inductive"] = "transductive"
    """Whether all nodes are seen while training, or a fifth of the test nodes comes later."""
    protocol: Literal["honest", "paper"] = "honest"
    """How it is judged: on equal terms with baselines, or as published (chosen on test)."""
    seeds: int = 5
    """Splits, teachers and students to train."""
    seed: int = 0
    """The first seed."""
    jobs: int | None = None
    """Processes of one thread each that work side by side (default: one for each core that may be used)."""
    quiet: bool = False
    """No progress bars, no table."""
    debug: bool = False
    """Show the traceback of an error."""

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise ValueError(f"--seeds must be 1 or more, got {self.seeds}")
        if self.seed < 0:
            raise ValueError(f"--seed must be 0 or more, got {self.seed}")
        check_jobs(self.jobs, "--jobs")
        if self.protocol == "paper" and self.setting != "transductive":
            raise ValueError(f"--protocol paper is transductive, got --setting {self.setting}; leave one of them out")
        for option, value in (("--num-codes", self.num_codes), ("--hidden", self.hidden)):
            if value < 1:
                raise ValueError(f"{option} must be 1 or more, got {value}")
