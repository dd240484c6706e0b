from __future__ import annotations

import pytest
import torch

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.teachers import embeddings, predictions, train_teachers
from tests.condense.quick import quick
from tests.condense.samples import context_of


@pytest.mark.parametrize("kind", ["images", "nodes"])
def test_what_a_teacher_says_of_all_entries(kind: Kind) -> None:
    here = quick(kind)
    (net,) = train_teachers(here)
    logits, features = predictions(here, net), embeddings(here, net)
    assert logits.shape == (len(here.real), 3)
    torch.testing.assert_close(features @ net.head.weight.T + net.head.bias, logits)  # type: ignore[operator, union-attr]
    net.train()
    assert torch.equal(embeddings(here, net), features)  # nothing is dropped


def test_a_teacher_has_learnt_from_all_the_data() -> None:
    here = context_of(kind="nodes")
    (net,) = train_teachers(here)
    right = predictions(here, net).argmax(dim=1) == here.real.y
    assert float(right.double().mean()) > 0.8


def test_teachers_follow_from_the_seed_and_differ() -> None:
    first, second = (predictions(quick(), net) for net in train_teachers(quick(), 2))
    assert not torch.equal(first, second)
    assert torch.equal(predictions(quick(), train_teachers(quick())[0]), first)
    assert not torch.equal(predictions(quick(seed=1), train_teachers(quick(seed=1))[0]), first)


def test_an_early_teacher_takes_its_share_of_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    here = quick()
    train = type(here.protocol).train

    def spy(self, synthetic, seed, config=None):  # type: ignore[no-untyped-def]
        steps.append(config.steps)
        return train(self, synthetic, seed, config)

    monkeypatch.setattr(type(here.protocol), "train", spy)
    train_teachers(here, share=0.3)
    train_teachers(here, share=0.001)
    assert steps == [3, 1]
