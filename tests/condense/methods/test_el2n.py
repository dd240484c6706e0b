from __future__ import annotations

import math

import pytest
import torch

from graphdistill.condense.methods import el2n
from tests.condense.samples import context_of


def test_the_score_number_by_number() -> None:
    logits, y = torch.tensor([[1.0, 2.0, 0.5], [3.0, -1.0, 0.0]]), torch.tensor([1, 2])
    wanted = []
    for row, label in zip(logits.tolist(), y.tolist(), strict=True):
        total = sum(math.exp(v) for v in row)
        wanted.append(math.dist([math.exp(v) / total for v in row], [float(c == label) for c in range(3)]))
    assert el2n.error_norm(logits, y).tolist() == pytest.approx(wanted, rel=1e-5)
    assert el2n.error_norm(torch.tensor([[99.0, 0.0]]), torch.tensor([1])).item() == pytest.approx(math.sqrt(2))


def test_the_largest_scores_of_each_class_are_kept_earlier_ones_first_among_equals() -> None:
    here = context_of(per_class=2)
    y, score = here.real.y, torch.zeros(len(here.real))
    third = here.real.members[1][4]
    score[third] = 1
    synthetic = el2n.keep(here, score)
    assert synthetic.y.tolist() == [0, 0, 1, 1, 2, 2]
    index = [*here.real.members[0][:2], third, here.real.members[1][0], *here.real.members[2][:2]]
    assert torch.equal(synthetic.data, here.real.select(torch.stack(index)).data)
    assert torch.equal(synthetic.y, y[torch.stack(index)])


def test_scores_are_means_over_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    here, n = context_of(), len(context_of().real)
    logits = {0: torch.zeros(n, 3), 1: 99 * torch.nn.functional.one_hot(here.real.y, 3).float()}
    context = []
    monkeypatch.setattr(el2n, "train_teachers", lambda s, count, share: context.append((count, share)) or range(2))
    monkeypatch.setattr(el2n, "predictions", lambda s, net: logits[net])
    unsure = math.sqrt(2 / 3)
    assert el2n.scores(here, el2n.Config(scoring_networks=2, training_share=0.3)).tolist() == pytest.approx(
        [unsure / 2] * n
    )
    assert context == [(2, 0.3)]


@pytest.mark.parametrize(("best", "name"), [(0, "easiest"), (1, "hardest")])
def test_validation_chooses_between_the_two_ends(monkeypatch: pytest.MonkeyPatch, best: int, name: str) -> None:
    here, shown = context_of(per_class=1), []
    score = torch.rand(len(here.real), generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(el2n, "scores", lambda s, config: score)

    def validate(protocol, synthetic):  # type: ignore[no-untyped-def]
        shown.append(synthetic)
        return 0.9 if len(shown) - 1 == best else 0.4

    monkeypatch.setattr(el2n, "valid_score", validate)
    synthetic = el2n.select(here, el2n.Config())
    assert dict(synthetic.meta) == {"kept": name, "valid": 0.9}
    assert torch.equal(synthetic.data, el2n.keep(here, -score if name == "easiest" else score).data)
