r"""DAC-KL-like: KL on the band of the teacher's ranking that a small network chooses; on text, relations of spans too.

.. math:: L = w \left[T^2 \, \mathrm{KL}(\hat p_t \,\Vert\, \hat p_s) + w_R \left\| p_{s,i} \odot p_{s,i+1} -
    p_{t,i} \odot p_{t,i+1} \right\|^2 + w_C \, L_C \right] + w_y \, \mathrm{CE}(y, z_s), \quad \hat p_c \propto g_c p_c

The gate g keeps the classes between two quantiles of the teacher's ranking, and the label. The other terms are for
language models: the second relates adjacent positions of one word, and :math:`L_C` is the first on windows that the
student continues, with the teacher's token at the position of their largest disagreement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.core.methods import Result
from graphdistill.kd.data.view import Kind
from graphdistill.kd.losses.clipped import ClippedKL
from graphdistill.kd.losses.kl import kl_rows, log_probabilities
from graphdistill.kd.losses.span import SpanRelations
from graphdistill.kd.methods import kd
from graphdistill.kd.objective import Batch, Context, Objective

PAPER = "Liu et al., Multi-Granularity Semantic Revision, 2024, https://arxiv.org/abs/2407.10068"
RESULT = Result(
    paper="no checked number at hand",
    ours="not measured",
    command="python -m graphdistill.bench kd --parts identities",
    differs="Size of the network, form of the gate and its least width are ours; none is published.",
)
FOR: tuple[Kind, ...] = ("nodes", "graphs", "images", "text", "rows")


@dataclass(frozen=True, kw_only=True)
class Config(kd.Config):
    """Options of DAC-KL."""

    kappa: float = 20.0
    """Steepness of the gate: with 20 it goes from 0.12 to 0.88 in a fifth of the ranks."""
    min_width: float = 0.5
    """Least share of the ranks in the band; without it the loss falls to 0 by closing the gate."""
    fixed_gate: tuple[float, ...] = ()
    """Lower and upper quantile of a band that is not learned, as ablation (default: learned)."""
    span_weight: float = 1.0
    """Weight of the relations of adjacent positions, as in the paper; language models only."""
    corrected_weight: float = 0.0
    """Weight of the loss on windows that the student continues and the teacher corrects once; language models only
    (default: none, for each step then needs a pass for every position, and reviewers found little gain)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.kappa > 0:
            raise ValueError(f"--kappa must be above 0, got {self.kappa}")
        if not 0 < self.min_width <= 1:
            raise ValueError(f"--min-width must be above 0 and at most 1, got {self.min_width}")
        if self.fixed_gate and not (len(self.fixed_gate) == 2 and self.fixed_gate[0] < self.fixed_gate[1]):
            raise ValueError(f"--fixed-gate must be a lower and a higher quantile, got {self.fixed_gate}")
        for option, value in (("span-weight", self.span_weight), ("corrected-weight", self.corrected_weight)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"--{option} must be 0 or more, got {value}")


def objective(context: Context, config: Config) -> Objective:
    """The gated loss and what a language model adds, and cross-entropy on labels; the gate is trained along."""
    few, _ = context.probe()
    gate = (config.fixed_gate[0], config.fixed_gate[1]) if config.fixed_gate else None
    gated = ClippedKL(
        few.logits.shape[1],
        gate=gate,
        kappa=config.kappa,
        min_width=config.min_width,
        temperature=config.temperature,
        seed=context.seed,
    )
    window = context.data.rows_per_entry
    spans = SpanRelations(white_space(context), window)

    def distillation(batch: Batch) -> Tensor:
        student, teacher = batch.student.logits, batch.teacher.logits
        value: Tensor = gated(student, teacher, batch.y)
        if window > 1 and config.span_weight:
            value = value + config.span_weight * spans(student, teacher, batch.y)
        if window > 1 and config.corrected_weight:
            tokens = corrected(context, batch)
            inputs = batch.inputs.replaced(tokens)
            again = context.data.run(context.student, batch.index, (), inputs).logits
            with torch.no_grad():
                truth = context.data.run(context.teacher, batch.index, (), inputs).logits
            y = torch.cat([tokens[:, 1:], torch.full_like(tokens[:, :1], -1)], dim=1)
            value = value + config.corrected_weight * gated(again, truth, y.flatten())
        return value

    return Objective(loss=kd.with_labels(context, config, distillation), module=gated)


def white_space(context: Context) -> tuple[int, ...]:
    """Tokens of a text's vocabulary that are white space, the boundaries of its spans; none for other data."""
    vocabulary: Sequence[str] = getattr(context.data.data, "vocabulary", ())
    return tuple(i for i, token in enumerate(vocabulary) if token.isspace())


@torch.no_grad()
def corrected(context: Context, batch: Batch) -> Tensor:
    """Windows whose second half the student generates, is corrected in once by the teacher, and generates again.

    The corrected position is that of the largest KL divergence between both networks among those where the teacher
    would have chosen another token; windows without one stay as generated.

    Args:
        context: the two causal language models.
        batch: its windows begin the texts, and its generator draws the tokens.

    Returns:
        Tokens, long ``[n, L]``.
    """
    tokens: Tensor = batch.inputs.main.clone()
    length = tokens.shape[1]
    start = max(1, length // 2)
    mode = context.student.training
    context.student.eval()
    try:
        first = torch.full_like(tokens[:, 0], start)
        tokens = _generate(context, batch, tokens, first)
        log_s, log_t = (
            log_probabilities(_logits(context, batch, tokens, of_teacher)).view(*tokens.shape, -1)[:, start - 1 : -1]
            for of_teacher in (False, True)
        )
        preferred = log_t.argmax(-1)
        gap = kl_rows(log_t, log_s).masked_fill(preferred == tokens[:, start:], -1.0)
        largest, place = gap.max(1)
        rows = torch.arange(len(tokens), device=tokens.device)
        differs = largest >= 0
        tokens[rows[differs], start + place[differs]] = preferred[rows[differs], place[differs]]
        return _generate(context, batch, tokens, torch.where(differs, start + place + 1, length))
    finally:
        context.student.train(mode)


def _generate(context: Context, batch: Batch, tokens: Tensor, first: Tensor) -> Tensor:
    """Tokens that the student draws one after the other, in each window from position ``first [n]`` on."""
    tokens = tokens.clone()
    for i in range(int(first.min()), tokens.shape[1]):
        p = _logits(context, batch, tokens, False).view(*tokens.shape, -1)[:, i - 1].softmax(-1).cpu()
        drawn = torch.multinomial(p, 1, generator=batch.generator)[:, 0].to(tokens.device)
        tokens[:, i] = torch.where(first <= i, drawn, tokens[:, i])
    return tokens


def _logits(context: Context, batch: Batch, tokens: Tensor, of_teacher: bool) -> Tensor:
    network = context.teacher if of_teacher else context.student
    return context.data.run(network, batch.index, (), batch.inputs.replaced(tokens)).logits
