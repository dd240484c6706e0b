r"""Label-agnostic forgetting (LAF): hidden features of forgotten entries are moved away from where they were.

.. math:: L_a &= \operatorname{mean}_r \, e^{q / (q + 1)} - \operatorname{mean}_f \, e^{q' / (q' + 1)}, \quad
    q = \lVert V_r(h) - h \rVert^2, \; q' = \lVert V_f(h) - h \rVert^2 \\
    L_b &= \operatorname{mean}_r \, d - \log \operatorname{sum}_f \, e^{d / \tau}, \quad
    d = 1 - \cos(h, h_0)

with the features h of the network and :math:`h_0` of the given one, scaled to lie between 0 and 1 in :math:`L_a`,
remaining entries r and forgotten ones f, and variational autoencoders :math:`V_r`, :math:`V_f` that were trained on the
given features of each. No labels are read. Repair (LAF+R) trains the last linear layer on the labels that remain.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.parallel import one_thread
from graphdistill.core.training.sampler import RepeatedRandomSampler
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.view import Kind
from graphdistill.kd.distill import fit_labels
from graphdistill.unlearn.context import Context
from graphdistill.unlearn.stopping import Stopping
from graphdistill.unlearn.vae import fit_vae

PAPER = "Shen et al., ICLR 2024, https://arxiv.org/abs/2404.00506"
RESULT = Result(
    paper="no checked number at hand",
    ours="digits at random: attack AUC 52.7 ± 2.2 (retrained 48.4 ± 2.5, given 59.6 ± 2.7), accuracy on the rest "
    "95.5 ± 3.7, with repair 99.0 ± 1.5 (retrained 99.9 ± 0.2)",
    command="python -m graphdistill.bench kd --parts unlearn",
    differs="Features are scaled to lie between 0 and 1 before the autoencoders, and both losses are means of a batch.",
    instead="On nodes fine-tuning on the rest is nearer to the retrained model; where accuracy must hold, add "
    "--repair-steps.",
)
FOR: tuple[Kind, ...] = ("nodes", "graphs", "images", "text")
CHECK_EVERY = 5
"""Steps between two questions whether to stop."""
USUAL_LRS, LRS = (1e-3, 3e-4), {"graphs": (3e-5, 1e-4)}
"""Learning rates of the two losses, chosen on validation of digits and digits-knn, and for graphs of MUTAG."""


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of LAF."""

    unlearn_steps: int = 50
    """Most steps of each of the two losses, in turns: with 100, accuracy on validation fell by 3 points on digits."""
    stop_at: float = 0.5
    """The steps end when an attack by confidence finds forgotten among validation entries no better than by this
    ROC-AUC; where whole classes are forgotten, when no forgotten entry keeps its prediction (0: never; one half is
    chance, where a retrained model is)."""
    unlearn_lr: float | None = None
    """Learning rate of Adam on the first loss, which moves features away (default: 0.001, for graphs 0.00003, whose
    features are sums over nodes, so that small changes of weights move them far)."""
    align_lr: float | None = None
    """Learning rate of Adam on the second loss, which holds remaining features where they were (default: 0.0003, for
    graphs 0.0001)."""
    temperature: float = 10.0
    """Temperature of forgotten entries in the second loss: the lower it is, the more the entry counts that moved most
    (the paper's code has 5 to 20)."""
    latent: int = 8
    """Latent dimensions of the autoencoders (the paper's code has 8 or 16)."""
    vae_steps: int = 300
    """Steps of the training of each autoencoder."""
    beta: float = 0.01
    """Weight of the divergence from the prior in their training."""
    unlearn_batch_size: int = 128
    """Remaining and, as many if there are, forgotten entries of a step."""
    layer: str = "penultimate"
    """Layer whose features are moved (default: the input of the last linear layer)."""
    repair_steps: int = 0
    """Steps of training the last linear layer on remaining labels afterwards (LAF+R; default: none, no labels)."""
    repair_lr: float = 1e-3
    """Learning rate of this repair: a higher one makes the network more confident on the forgotten, too."""

    def __post_init__(self) -> None:
        if not 0 <= self.stop_at <= 1:
            raise ValueError(f"--stop-at must be from 0 to 1, got {self.stop_at}")
        counts = ("unlearn_steps", "latent", "vae_steps", "unlearn_batch_size")
        for name, least in [*((count, 1) for count in counts), ("repair_steps", 0)]:
            if getattr(self, name) < least:
                raise ValueError(f"--{name.replace('_', '-')} must be {least} or more, got {getattr(self, name)}")
        for name in ("unlearn_lr", "align_lr", "repair_lr", "temperature"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"--{name.replace('_', '-')} must be above 0, got {value}")
        if not self.beta >= 0:
            raise ValueError(f"--beta must be 0 or more, got {self.beta}")


@one_thread()
def unlearn(context: Context, config: Config) -> None:
    """Train the autoencoders on the given features, then take steps of both losses in turns."""
    model, layer = context.model.eval(), config.layer
    remaining, forget, usual = context.remaining, context.forget, LRS.get(context.whole.KIND, USUAL_LRS)
    with torch.no_grad():
        given_r = torch.cat([context.remaining_features(part, layer) for part in remaining.split(context.rest.CHUNK)])
        given_f = torch.cat([context.forgotten_features(part, layer) for part in forget.split(context.whole.CHUNK)])
    low, high = torch.cat([given_r, given_f]).aminmax(dim=0)
    span = torch.where(high > low, high - low, torch.ones_like(high))

    def scaled(features: Tensor) -> Tensor:
        return (features - low) / span

    vae_r, vae_f = (
        fit_vae(
            scaled(features),
            latent=config.latent,
            steps=config.vae_steps,
            beta=config.beta,
            batch_size=config.unlearn_batch_size,
            seed=context.seed,
            purpose=purpose,
        )
        for features, purpose in ((given_r, "remaining"), (given_f, "forgotten"))
    )
    samplers = [
        RepeatedRandomSampler(
            len(index), min(config.unlearn_batch_size, len(index)), context.generator("batches", name)
        )
        for index, name in ((remaining, "remaining"), (forget, "forgotten"))
    ]
    parameters = [p for p in model.parameters() if p.requires_grad]
    given_lrs = config.unlearn_lr, config.align_lr
    lrs = [default if lr is None else lr for lr, default in zip(given_lrs, usual, strict=True)]
    away, align = (torch.optim.Adam(parameters, lr=lr) for lr in lrs)
    stopping = Stopping(context, config.stop_at)
    for step in context.progress.track(range(1, config.unlearn_steps + 1), "LAF"):
        r, f = (sampler.round() for sampler in samplers)
        h_r, h_f = context.remaining_features(remaining[r], layer), context.forgotten_features(forget[f], layer)
        _step(away, bounded(vae_r.error(scaled(h_r))).mean() - bounded(vae_f.error(scaled(h_f))).mean())
        h_r, h_f = context.remaining_features(remaining[r], layer), context.forgotten_features(forget[f], layer)
        _step(align, alignment(h_r, given_r[r.to(h_r.device)], h_f, given_f[f.to(h_f.device)], config.temperature))
        if step % CHECK_EVERY == 0 and stopping():
            break
    if config.repair_steps:
        repair(context, config)


def repair(context: Context, config: Config) -> None:
    """Train the last linear layer alone on remaining labels."""
    trained = {p: p.requires_grad for p in context.model.parameters()}
    context.model.requires_grad_(False)
    context.head.requires_grad_(True)
    try:
        training = KDConfig(
            steps=config.repair_steps, lr=config.repair_lr, eval_every=max(1, config.repair_steps // 10)
        )
        fit_labels(context.model, context.rest, training, seed=context.seed, progress=context.progress, label="repair")
    finally:
        for parameter, flag in trained.items():
            parameter.requires_grad_(flag)


def bounded(error: Tensor) -> Tensor:
    """An increasing function of an error from 1 to e, so that no entry counts without limit.

    Example:
        >>> bounded(torch.tensor([0.0, 1.0]))
        tensor([1.0000, 1.6487])
    """
    return (error / (error + 1)).exp()


def alignment(h_r: Tensor, given_r: Tensor, h_f: Tensor, given_f: Tensor, temperature: float) -> Tensor:
    """The second loss: remaining features keep their direction, forgotten ones lose theirs."""
    d_r, d_f = 1 - F.cosine_similarity(h_r, given_r, dim=1), 1 - F.cosine_similarity(h_f, given_f, dim=1)
    return d_r.mean() - (d_f / temperature).logsumexp(dim=0)


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
