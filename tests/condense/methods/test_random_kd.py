from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from graphdistill import datasets
from graphdistill.condense.data.kinds import protocol_of, training_data_of
from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.condense.matching.teachers import train_teachers
from graphdistill.condense.methods import el2n, random, random_kd
from graphdistill.core.sets.synthetic import class_weights
from graphdistill.core.training.fit import FitConfig
from tests.condense.quick import quick
from tests.condense.samples import context_of
from tests.core.sets.samples import coded_bytes


@pytest.mark.parametrize("kind", ["images", "nodes"])
def test_it_is_the_random_set_with_other_labels(kind: Kind) -> None:
    here = quick(kind)
    synthetic, hard = random_kd.select(here, random_kd.Config()), random.select(here, random.Config())
    assert torch.equal(synthetic.data, hard.data)
    assert synthetic.y.shape == (6, 3)
    assert synthetic.y.sum(dim=1).tolist() == pytest.approx([1] * 6)
    # One byte for all classes but the last, where a class takes one.
    stored, hard_stored = synthetic.arrays(), hard.arrays()
    assert (stored["y"].dtype, stored["y"].shape, hard_stored["y"].shape) == (torch.uint8, (6, 2), (6,))
    assert synthetic.nbytes - hard.nbytes == coded_bytes(stored["y"]) - coded_bytes(hard_stored["y"])


def test_labels_number_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    here, logits = context_of(), torch.randn(len(context_of().real), 3, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(random_kd, "train_teachers", lambda s: [None])
    monkeypatch.setattr(random_kd, "predictions", lambda s, net: logits)
    index = torch.tensor([0, 4])
    synthetic = random_kd.with_soft_labels(here, index, random_kd.Config(alpha=0.25, temperature=2.0))
    for got, row in zip(synthetic.y.tolist(), index.tolist(), strict=True):
        shares = [math.exp(v / 2) for v in logits[row].tolist()]
        wanted = [0.25 * s / sum(shares) + 0.75 * (c == int(here.real.y[row])) for c, s in enumerate(shares)]
        assert got == pytest.approx(wanted, abs=1 / 254)
    assert torch.equal(synthetic.weight, class_weights(synthetic.y))


def test_the_fewer_are_kept_the_more_the_teacher_weighs(monkeypatch: pytest.MonkeyPatch) -> None:
    here = context_of()
    monkeypatch.setattr(random_kd, "train_teachers", lambda s: [None])
    monkeypatch.setattr(random_kd, "predictions", lambda s, net: torch.zeros(len(s.real), 3))
    members = here.real.members[0]
    few, many = (
        random_kd.with_soft_labels(here, members[:count], random_kd.Config()).y[0, 0].item() for count in (1, 12)
    )
    assert few < many
    assert few == pytest.approx(1 - (1 - 1 / 36) * 2 / 3, abs=0.01)
    assert many == pytest.approx(1 - (1 - 12 / 36) * 2 / 3, abs=0.01)


def test_what_is_hardest_is_the_worst_to_learn_from_and_a_teacher_makes_up_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On digits, two of each class and a fifth of the usual steps; margins are half of what was measured."""
    protocol = replace(protocol_of(datasets.load("digits")), fit=FitConfig(steps=60, batch_size=128, eval_every=30))
    here = MethodContext(training_data_of(protocol), 2, protocol)
    teachers, score = train_teachers(here), el2n.scores(here, el2n.Config())
    monkeypatch.setattr(random_kd, "train_teachers", lambda context: teachers)
    order = [index[score[index].argsort(descending=True, stable=True)[:2]] for index in here.real.members]
    hard, soft = el2n.keep(here, score), random_kd.with_soft_labels(here, torch.cat(order), random_kd.Config())
    assert torch.equal(soft.data, hard.data)
    sets = (hard, soft, random.select(here, random.Config()), random_kd.select(here, random_kd.Config()))
    hard_valid, soft_valid, random_valid, random_soft = (protocol.train(synthetic, 0)[1].valid for synthetic in sets)
    assert hard_valid < random_valid - 0.25
    assert soft_valid > hard_valid + 0.2
    assert random_soft > random_valid + 0.01
