from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch
from torch import nn

from graphdistill.kd.data.view import Training, View
from graphdistill.kd.inputs import Inputs
from graphdistill.kd.losses import KD, ClippedKL, SpanRelations
from graphdistill.kd.methods import dac_kl
from graphdistill.kd.objective import Batch, Context
from tests.kd.methods.checks import batch_of, check_training, logits
from tests.kd.samples import nodes_context

VOCABULARY = ("<padding>", "<unknown>", " ", "a", "b", "\n")


class Windows(View):
    KIND = "text"
    TRAINING: ClassVar[Training] = Training(10, 4, 0.01, 0.0, 5)

    def inputs(self, index):
        return Inputs("tokens", {"tokens": self.data.tokens[index]})


class Unigram(nn.Module):
    """Predicts the next token from the present one alone."""

    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.table = nn.Embedding(6, 6)

    def forward(self, tokens):
        return 3 * self.table(tokens)


def text_context():
    text = torch.randint(2, 6, (6, 9), generator=torch.Generator().manual_seed(0))
    index = torch.arange(6)
    data = SimpleNamespace(
        tokens=text[:, :-1], y=text[:, 1:], train=index, valid=index, vocabulary=VOCABULARY, name="text"
    )
    return Context(
        student=Unigram(0), teacher=Unigram(1), data=Windows(data), steps=3, batch_size=4, lr=0.01, weight_decay=0.0
    )


def text_batch(context, seed=0):
    index = torch.arange(4)
    inputs = context.data.inputs(index)
    student, teacher = (context.data.run(net, index, (), inputs) for net in (context.student, context.teacher))
    draws = torch.Generator().manual_seed(seed)
    return Batch(index, inputs, context.data.known(index), student, teacher.detach(), 0.0, draws)


def test_on_data_without_positions_it_is_the_gated_loss():
    s, t, y = logits()
    fixed = dac_kl.Config(fixed_gate=(0.2, 0.9), temperature=3.0)
    found = dac_kl.objective(nodes_context(), fixed).loss(batch_of(s, t, y))
    torch.testing.assert_close(found, ClippedKL(gate=(0.2, 0.9), temperature=3.0)(s, t, y))
    wide = dac_kl.Config(fixed_gate=(float("-inf"), float("inf")), temperature=3.0)
    torch.testing.assert_close(dac_kl.objective(nodes_context(), wide).loss(batch_of(s, t, y)), KD(3.0)(s, t))


def test_on_text_words_are_spans():
    context = text_context()
    assert dac_kl.white_space(context) == (2, 5)
    batch = text_batch(context)
    s, t = batch.student.logits, batch.teacher.logits
    config = dac_kl.Config(fixed_gate=(0.2, 0.9), span_weight=2.0, label_weight=0.0)
    want = ClippedKL(gate=(0.2, 0.9), temperature=2.0)(s, t, batch.y) + 2 * SpanRelations((2, 5), 8)(s, t, batch.y)
    torch.testing.assert_close(dac_kl.objective(context, config).loss(batch), want)


@torch.no_grad()
def test_the_teacher_corrects_the_largest_disagreement():
    context = text_context()
    batch = text_batch(context)
    generated = torch.Generator().manual_seed(0)
    tokens = batch.inputs.main.clone()
    for i in range(4, 8):
        p = (3 * context.student.table.weight[tokens[:, i - 1]]).softmax(-1)
        tokens[:, i] = torch.multinomial(p, 1, generator=generated)[:, 0]
    found = dac_kl.corrected(context, batch)
    changed = 0
    for row, (own, new) in enumerate(zip(tokens.tolist(), found.tolist(), strict=True)):
        gaps = {}
        for i in range(4, 8):
            log_t, log_s = (
                (3 * net.table.weight[own[i - 1]]).log_softmax(-1) for net in (context.teacher, context.student)
            )
            if int(log_t.argmax()) != own[i]:
                gaps[i] = (float((log_t.exp() * (log_t - log_s)).sum()), int(log_t.argmax()))
        if not gaps:
            assert own == new, row
            continue
        place = max(gaps, key=lambda i: gaps[i])
        assert new[:place] == own[:place]
        assert new[place] == gaps[place][1]
        changed += 1
    assert changed > 0
    assert torch.equal(found[:, :4], batch.inputs.main[:, :4])


def test_corrected_windows_add_their_loss():
    context = text_context()
    plain = dac_kl.objective(context, dac_kl.Config(fixed_gate=(0.2, 0.9))).loss(text_batch(context))
    more = dac_kl.objective(context, dac_kl.Config(fixed_gate=(0.2, 0.9), corrected_weight=2.0))
    value = more.loss(text_batch(context))
    tokens = dac_kl.corrected(context, text_batch(context))
    s, t = (net(tokens).flatten(0, 1) for net in (context.student, context.teacher))
    y = torch.cat([tokens[:, 1:], torch.full((4, 1), -1)], 1).flatten()
    torch.testing.assert_close(value - plain, 2 * ClippedKL(gate=(0.2, 0.9), temperature=2.0)(s, t, y))


def test_it_trains():
    check_training(dac_kl.Config())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"kappa": 0}, "--kappa must be above 0, got 0"),
        ({"min_width": 2}, "--min-width must be above 0 and at most 1, got 2"),
        ({"fixed_gate": (0.5,)}, r"--fixed-gate must be a lower and a higher quantile, got \(0.5,\)"),
        ({"span_weight": -1}, "--span-weight must be 0 or more, got -1"),
        ({"corrected_weight": -1}, "--corrected-weight must be 0 or more, got -1"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        dac_kl.Config(**words)
