import pytest
import torch

from fed.config import FedConfig
from fed.data.generators import blank_generator, train_generator
from graphdistill.generate.storage import load_tensors, stored_bytes, stored_tensors
from tests.fed.samples import FACTS, FEW, part

CONFIG = FedConfig(method="fedavg", train_on="generated", **FEW)


def test_a_generator_has_the_architecture_that_the_server_knows():
    made, blank = train_generator(CONFIG, part(0), 3), blank_generator(CONFIG, FACTS)
    before, after = ({n: (v.dtype, v.shape) for n, v in stored_tensors(g).items()} for g in (made, blank))
    assert before == after
    labels, draws = torch.arange(3), torch.Generator
    ours = made.sample(labels, generator=draws().manual_seed(0)).data
    theirs = load_tensors(blank, stored_tensors(made)).sample(labels, generator=draws().manual_seed(0)).data
    assert torch.equal(ours, theirs)
    assert made.steps == blank.steps


def test_the_seed_alone_decides():
    first, again, other = (stored_tensors(train_generator(CONFIG, part(0), seed)) for seed in (3, 3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_test_images_are_not_read():
    own, draws = part(0), torch.Generator().manual_seed(1)
    other = part(0)
    other.test[0].copy_(torch.rand(other.test[0].shape, generator=draws))
    first, second = (stored_tensors(train_generator(CONFIG, data, 3)) for data in (own, other))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_client_may_lack_classes():
    made = train_generator(CONFIG, part(0, classes=(0, 1)), 3)
    assert made.num_classes == 3


@pytest.mark.parametrize("side", [9, 16])
def test_any_size_of_images_and_a_width(side):
    facts = {**FACTS, "height": side, "width": side}
    small, large = (
        blank_generator(FedConfig(method="fedavg", train_on="generated", generator_width=width), facts)
        for width in (8, 16)
    )
    assert stored_bytes(small) < stored_bytes(large)
    assert small.sample(torch.arange(3), generator=torch.Generator()).data.shape == (3, 1, side, side)
