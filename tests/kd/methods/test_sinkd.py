import pytest
import torch

from graphdistill.kd.losses import KD, SinkhornKD
from graphdistill.kd.methods import sinkd
from tests.kd.methods.checks import batch_of, check_training, logits
from tests.kd.samples import nodes_context


@pytest.mark.parametrize(("fraction", "temperature"), [(0.0, 4.0), (0.5, 2.5), (1.0, 1.0)])
def test_the_temperature_falls_on_a_line(fraction, temperature):
    s, t, y = logits(8)
    found = sinkd.objective(nodes_context(), sinkd.Config()).loss(batch_of(s, t, y, fraction))
    want = SinkhornKD(KD(temperature), weight=0.8)(s, t)
    torch.testing.assert_close(found.mean(), want.mean())


def test_groups_are_drawn_anew_and_rows_keep_their_places():
    s, t, y = logits(8)
    config = sinkd.Config(group_size=3, sinkhorn_weight=0.0)
    found = sinkd.objective(nodes_context(), config).loss(batch_of(s, t, y))
    torch.testing.assert_close(found, KD(4.0)(s, t))
    loss = sinkd.objective(nodes_context(), sinkd.Config(group_size=3)).loss
    first, again, other = (loss(batch_of(s, t, y, seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_it_trains():
    check_training(sinkd.Config(group_size=7))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"final_temperature": 0}, "--final-temperature must be above 0, got 0"),
        ({"epsilon": 0}, "--epsilon must be above 0, got 0"),
        ({"sinkhorn_weight": -1}, "--sinkhorn-weight must be 0 or more, got -1"),
        ({"rounds": 0}, "--rounds must be 1 or more, got 0"),
        ({"group_size": 1}, "--group-size must be 2 or more, got 1"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        sinkd.Config(**words)
