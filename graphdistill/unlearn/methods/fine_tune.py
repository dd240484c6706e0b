r"""Fine-tuning: the network is trained on from its weights, on the entries that remain.

.. math:: L = \operatorname{mean}_r \, \mathrm{CE}(y, z)

with logits z of remaining entries r. What was forgotten fades only as far as new steps overwrite it.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphdistill.core.methods import MethodConfig, Result
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.view import Kind
from graphdistill.kd.distill import fit_labels
from graphdistill.unlearn.context import Context

PAPER = "Golatkar et al., CVPR 2020, https://arxiv.org/abs/1911.04933"
RESULT = Result(
    paper="no checked number at hand",
    ours="digits at random: attack AUC 54.3 ± 2.2 (retrained 48.4 ± 2.5), accuracy on the rest 100.0 ± 0.0",
    command="python -m graphdistill.bench kd --parts unlearn",
    differs="Nothing; it is the baseline that papers compare with.",
)
FOR: tuple[Kind, ...] = ("nodes", "graphs", "images", "text")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of fine-tuning."""

    unlearn_steps: int = 100
    """Steps of AdamW, with the batches of the training; the checkpoint is the best on validation."""
    unlearn_lr: float = 1e-3
    """Learning rate, which decays to 0 on a cosine: a third of that of most trainings, which keeps accuracy."""

    def __post_init__(self) -> None:
        if self.unlearn_steps < 1:
            raise ValueError(f"--unlearn-steps must be 1 or more, got {self.unlearn_steps}")
        if not self.unlearn_lr > 0:
            raise ValueError(f"--unlearn-lr must be above 0, got {self.unlearn_lr}")


def unlearn(context: Context, config: Config) -> None:
    """Train the network on the labels that remain."""
    training = KDConfig(steps=config.unlearn_steps, lr=config.unlearn_lr, eval_every=max(1, config.unlearn_steps // 10))
    fit_labels(context.model, context.rest, training, seed=context.seed, progress=context.progress, label="fine-tuning")
