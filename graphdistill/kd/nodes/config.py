"""Config of a teacher's training on the nodes of one graph."""

from __future__ import annotations

from dataclasses import dataclass

from graphdistill.core.config_checks import check_positive


@dataclass(frozen=True, kw_only=True)
class TeacherConfig:
    """Training of a teacher; learning rate and dropout are those of GCN (Kipf and Welling, ICLR 2017)."""

    epochs: int = 200
    """Largest number of passes over the training nodes."""
    lr: float = 0.01
    """Learning rate of Adam."""
    weight_decay: float = 5e-3
    """Weight decay of Adam."""
    input_dropout: float = 0.5
    """Dropout of the input features."""
    batch_size: int | None = None
    """Training nodes per step, with sampled neighbourhoods (default: the whole graph in one step)."""
    fanout: tuple[int, ...] = (10, 10)
    """Neighbours sampled at each step away from a batch; -1 for all."""
    patience: int = 100
    """Epochs without a smaller validation loss before training stops early."""

    def __post_init__(self) -> None:
        check_positive(self, "epochs", "patience", *(["batch_size"] if self.batch_size is not None else []))
        if not self.lr > 0:
            raise ValueError(f"lr must be above 0, got {self.lr}")
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay must be 0 or more, got {self.weight_decay}")
        if not 0 <= self.input_dropout < 1:
            raise ValueError(f"input_dropout must be from 0 to below 1, got {self.input_dropout}")
        if any(number < -1 for number in self.fanout):
            raise ValueError(f"fanout must hold numbers of neighbours, or -1 for all, got {self.fanout}")
