import dataclasses

import pytest
import torch

from fed.data.client_data import network
from tests.fed.samples import FACTS, part


def test_facts_make_the_network():
    own = part(0)
    assert own.facts == FACTS
    assert network(FACTS, 0)(own.test[0]).shape == (6, 3)
    assert torch.equal(network(FACTS, 3).head.weight, network(FACTS, 3).head.weight)


def test_the_digest_follows_the_training_data_alone():
    own = part(0)
    x, y = own.train
    assert own.digest == dataclasses.replace(own, test=part(1).test, name="other").digest
    others = [(x + 1e-6, y), (x, y.roll(1)), (x[1:], y[1:])]
    assert len({own.digest, *[dataclasses.replace(own, train=train).digest for train in others]}) == 4


def test_statistics_are_those_of_each_class_that_is_there():
    own = part(0, classes=(0, 2))
    x, y = own.train
    found = own.statistics
    assert sorted(found) == ["deviation-0-0", "deviation-2-0", "mean-0-0", "mean-2-0"]
    for label in (0, 2):
        # Divided by the images of the class, not by all of them.
        assert found[f"mean-{label}-0"] == pytest.approx(x[y == label].numpy().mean(), abs=1e-6)
        assert found[f"deviation-{label}-0"] == pytest.approx(x[y == label].numpy().std(ddof=1), abs=1e-5)


def test_the_trivial_score_is_the_share_of_the_largest_class():
    own = part(0, classes=(1, 1, 2))
    assert own.trivial("test") == pytest.approx(4 / 6)
