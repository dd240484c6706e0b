r"""Impossible Distillation-like: texts of a weak generator are filtered by critics, and the student learns from them.

Generate several continuations of each prompt, keep those that pass all critics, train the student on them, and let it
generate in its turn. A continuation c of a prompt passes if

.. math:: \frac{1}{|c|} \sum_i \log p(c_i \mid c_{<i}) \ge \tau, \quad d(c, c^*) \ge \delta |c|

with the likelihood p of n-grams of the training texts, which a share of the continuations exceeds by :math:`\tau`, and
the edit distance d from the true continuation :math:`c^*`; and if it is the likeliest of its connected component, whose
edges join continuations of a prompt that are within a small edit distance. There is no other loss than the
cross-entropy on what was kept.

Molecules are SMILES that continue the class that is asked for. One passes if rdkit reads it, if the molecule of the
training split with the greatest Tanimoto similarity has that class, and if it has the greatest of its connected
component, whose edges join molecules that are alike. In Python they are the texts of ``smiles_texts(load("pains"))``;
the command reads any molecules with SMILES so.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.training.loop import FitResult
from graphdistill.kd.data.smiles import END, SmilesView
from graphdistill.kd.data.text import LanguageModelView
from graphdistill.kd.data.view import Kind
from graphdistill.kd.objective import Batch, Context, Objective, label_loss
from graphdistill.kd.selectors.critics import NgramLikelihood, edit_distance, one_per_component
from graphdistill.kd.selectors.molecule_critics import MoleculeCritics
from graphdistill.kd.training import fit_objective

PAPER = "Jung et al., NAACL 2024, https://arxiv.org/abs/2305.16635"
RESULT = Result(
    paper="no checked number at hand",
    ours=(
        "text/shakespeare, three seeds: 26.62 ± 1.20 filtered, 26.08 ± 0.26 unfiltered, two rounds alike; pains as "
        "SMILES, two seeds: 50.98 % valid ones filtered, 32.81 % unfiltered, held-out ones at 2.02 and 1.75 bits a "
        "character"
    ),
    command="python -m graphdistill.bench kd --parts self",
    differs=(
        "Continuations of characters and molecules in place of paraphrases; critics are n-grams, edit distances and "
        "rdkit, where the paper has entailment, ROUGE-L and tree edits."
    ),
    instead="Where the training texts may be used, kd on them is far better.",
)
FOR: tuple[Kind, ...] = ("text",)
COMPARED = {"unfiltered": {"critics": False}}


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of Impossible Distillation."""

    prompts: int = 256
    """Prompts, first halves of training windows, or classes of training molecules."""
    samples: int = 8
    """Continuations of each prompt, from which the critics choose; the released code has 10 to 100."""
    temperature: float = 1.0
    """Temperature of the generator, that of the paper's contexts."""
    rounds: int = 1
    """Rounds of generating, filtering and training: the teacher generates in the first one, the student in all others;
    the steps are shared among them. The paper has more; a second one was never better here, with shared steps or with
    as many again."""
    order: int = 5
    """Length of the longest n-grams of the likelihood: longer ones are seen once in texts of a megabyte. This option
    and the next three are for texts."""
    likely: float = 0.5
    """Share of the continuations that are likely enough."""
    distance: float = 0.25
    """Least edit distance from the true continuation, as a share of the length, so that nothing is recited."""
    same: float = 0.5
    """Edit distance up to which two continuations of a prompt are the same, as a share of the length; of random texts
    it is about 0.8."""
    alike: float = 0.6
    """Tanimoto similarity from which two molecules are the same; of two random ones of pains it is about 0.15."""
    critics: bool = True
    """Let critics choose; without them as many random continuations are kept."""

    def __post_init__(self) -> None:
        for option, number in (("prompts", self.prompts), ("samples", self.samples), ("rounds", self.rounds)):
            if number < 1:
                raise ValueError(f"--{option} must be 1 or more, got {number}")
        if not self.temperature > 0:
            raise ValueError(f"--temperature must be above 0, got {self.temperature}")
        if not 1 <= self.order <= 8:
            raise ValueError(f"--order must be from 1 to 8, got {self.order}")
        if not 0 < self.likely <= 1:
            raise ValueError(f"--likely must be above 0 and at most 1, got {self.likely}")
        if not 0 < self.alike <= 1:
            raise ValueError(f"--alike must be above 0 and at most 1, got {self.alike}")
        for option, share in (("distance", self.distance), ("same", self.same)):
            if not 0 <= share < 1:
                raise ValueError(f"--{option} must be from 0 to below 1, got {share}")


def distill(context: Context, config: Config) -> FitResult:
    """Generate, filter and train in every round; the student of the best round on validation stays.

    A student of whom no continuation passes the critics ends the rounds.

    Raises:
        ValueError: the data are no language model's windows, or no continuation of the teacher passes the critics.
    """
    view = context.data
    if not isinstance(view, LanguageModelView):
        raise ValueError(
            f"impossible-distillation continues texts, but {view.name} has classes; give windows of a language model, "
            "such as text/shakespeare, or molecules with SMILES, such as pains"
        )
    truth = torch.cat([view.data.tokens[view.train], view.data.y[view.train, -1:]], dim=1)
    start = 1 if isinstance(view, SmilesView) else truth.shape[1] // 2
    critics = _critics(view, truth, start, config)
    generator: nn.Module = context.teacher
    best, state, seconds = FitResult(-1.0, 0, 0.0), context.student.state_dict(), 0.0
    for number in range(config.rounds):
        draws = context.generator("impossible-distillation", number)
        rows = torch.randperm(len(truth), generator=draws)[: config.prompts].repeat_interleave(config.samples)
        texts = generate(context, generator, truth[rows], start, config.temperature, draws)
        kept = critics(texts, rows)
        if not len(kept) and number:
            break
        if not len(kept):
            raise ValueError(
                "no continuation of the teacher passes the critics; train it longer, raise --samples, or, for texts, "
                "lower --distance"
            )
        if not config.critics:
            kept = torch.randperm(len(texts), generator=draws)[: len(kept)]
        found = _train(context, texts[kept], start, max(1, context.steps // config.rounds))
        seconds += found.seconds
        if found.valid > best.valid:
            best, state = found, copy.deepcopy(context.student.state_dict())
        generator = context.student
    context.student.load_state_dict(state)
    return replace(best, seconds=seconds)


def _critics(view: LanguageModelView, truth: Tensor, start: int, config: Config) -> Callable[[Tensor, Tensor], Tensor]:
    """The critics of the kind of data: rows that are kept, from texts and the rows of ``truth`` that they continue."""
    if isinstance(view, SmilesView):
        data = view.data
        known = MoleculeCritics(data.smiles_of(truth), data.classes_of(truth), config.alike)
        return lambda texts, rows: known.chosen(data.smiles_of(texts), data.classes_of(texts))
    likelihood = NgramLikelihood(truth, view.num_classes, config.order)
    return lambda texts, rows: chosen(texts, rows, truth[rows], start, likelihood, config)


@torch.no_grad()
def generate(
    context: Context, network: nn.Module, texts: Tensor, start: int, temperature: float, draws: torch.Generator
) -> Tensor:
    """Texts that a causal language model continues, on the CPU, long ``[n, L]``; a molecule up to its first end.

    Args:
        context: its data have the inputs of the network.
        network: the language model.
        texts: texts that begin with the prompts, long ``[n, L]``.
        start: position of the first token of a continuation.
        temperature: temperature of the model.
        draws: source of the tokens.
    """
    network.eval()
    out, inputs = texts.clone(), context.data.inputs(context.data.train[:1])
    molecules, going = isinstance(context.data, SmilesView), torch.arange(len(texts))
    for i in context.progress.track(range(start, texts.shape[1]), "generating"):
        for rows in going.split(context.data.CHUNK):
            shown = inputs.replaced(out[rows, :i].to(context.device))
            logits = context.data.run(network, context.data.train[:1], (), shown).logits.view(len(rows), i, -1)
            # Neither padding nor what stands for unknown tokens is generated.
            p = (logits[:, -1, 2:] / temperature).softmax(dim=-1).cpu()
            out[rows, i] = 2 + torch.multinomial(p, 1, generator=draws)[:, 0]
        if molecules:
            ended = going[out[going, i] == END]
            out[ended, i:] = END
            going = going[out[going, i] != END]
            if not len(going):
                break
    return out


def chosen(
    texts: Tensor, group: Tensor, truth: Tensor, start: int, likelihood: NgramLikelihood, config: Config
) -> Tensor:
    """Rows of the texts that pass all critics, long, ascending.

    Args:
        texts: prompts and continuations, long ``[n, L]``.
        group: number of the prompt of each, long ``[n]``.
        truth: prompts with their true continuations, long ``[n, L]``.
        start: position of the first token of a continuation.
        likelihood: likelihood of tokens.
        config: the thresholds.
    """
    score = likelihood.mean_log(texts, start)
    count = max(1, round(config.likely * len(texts)))
    rows = score.sort(descending=True, stable=True).indices[:count].sort().values
    far = edit_distance(texts[rows, start:], truth[rows, start:]) >= config.distance * (texts.shape[1] - start)
    rows = rows[far]
    return rows[one_per_component(texts[rows, start:], group[rows], score[rows], config.same)]


def _train(context: Context, texts: Tensor, start: int, steps: int) -> FitResult:
    """Train the student on continuations; the prompts have no loss, checkpoints are chosen on real texts."""
    data = context.data.data
    tokens, y = torch.cat([data.tokens, texts[:, :-1]]), torch.cat([data.y, texts[:, 1:]])
    made = replace(data, tokens=tokens, y=y, train=torch.arange(len(data.tokens), len(tokens)))
    view = LanguageModelView(made, context.device)
    prompt = torch.arange(tokens.shape[1]) < start - 1

    def loss(batch: Batch) -> Tensor:
        known = batch.y.masked_fill(prompt.to(batch.y.device).repeat(len(batch.index)), -1)
        return label_loss(batch.student.logits, known)

    return fit_objective(
        replace(context, data=view, steps=steps),
        Objective(loss=loss, uses_teacher=False),
        eval_every=view.TRAINING.eval_every,
        label="training on texts",
    )
