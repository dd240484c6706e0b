r"""Gradient ascent: the loss on the forgotten entries is increased by a few small steps.

.. math:: L = -\operatorname{mean}_f \, \mathrm{CE}(y, z)

with logits z of forgotten entries f. Nothing holds the rest: with more or larger steps all accuracy is lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.parallel import one_thread
from graphdistill.core.training.sampler import RepeatedRandomSampler
from graphdistill.kd.data.view import Kind
from graphdistill.unlearn.context import Context
from graphdistill.unlearn.stopping import Stopping

PAPER = "Thudi et al., EuroS&P 2022, https://arxiv.org/abs/2109.13398"
RESULT = Result(
    paper="no checked number at hand",
    ours="digits at random: attack AUC 51.3 ± 1.8 (retrained 48.4 ± 2.5), accuracy on the rest 80.6 ± 19.1",
    command="python -m graphdistill.bench kd --parts unlearn",
    differs="Adam in place of plain steps along the gradient, whose size depends on the network.",
    instead="Where accuracy must hold, retrain, or use laf.",
)
FOR: tuple[Kind, ...] = ("nodes", "graphs", "images", "text")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of gradient ascent."""

    unlearn_steps: int = 60
    """Most steps of Adam."""
    stop_at: float = 0.5
    """The steps end as those of LAF, when the forgotten entries are predicted as validation entries (0: never)."""
    unlearn_lr: float = 1e-4
    """Learning rate, a small one: nothing holds the accuracy on the rest."""
    unlearn_batch_size: int = 128
    """Forgotten entries of a step; all of them if there are fewer."""

    def __post_init__(self) -> None:
        if not 0 <= self.stop_at <= 1:
            raise ValueError(f"--stop-at must be from 0 to 1, got {self.stop_at}")
        for name, value in (("unlearn-steps", self.unlearn_steps), ("unlearn-batch-size", self.unlearn_batch_size)):
            if value < 1:
                raise ValueError(f"--{name} must be 1 or more, got {value}")
        if not self.unlearn_lr > 0:
            raise ValueError(f"--unlearn-lr must be above 0, got {self.unlearn_lr}")


@one_thread()
def unlearn(context: Context, config: Config) -> None:
    """Take steps that increase the loss, in evaluation mode, so that no statistics of batches move."""
    model, view, forget = context.model.eval(), context.whole, context.forget
    sampler = RepeatedRandomSampler(
        len(forget), min(config.unlearn_batch_size, len(forget)), context.generator("batches")
    )
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=config.unlearn_lr)
    stopping = Stopping(context, config.stop_at)
    for _ in context.progress.track(range(config.unlearn_steps), "gradient ascent"):
        index = forget[sampler.round()]
        loss: Tensor = -F.cross_entropy(view.run(model, index).logits, view.labels(index).to(view.device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if stopping():
            break
