from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.core.evaluation.images import ImageProtocol
from graphdistill.core.sets.storage import load_set, save_set
from graphdistill.core.sets.symmetry import GROUPS, KEY, elements, orbit
from graphdistill.core.training.fit import FitConfig
from tests.condense.samples import bars

FEW = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))


@given(st.sampled_from(sorted(GROUPS)), st.integers(0, 9))
def test_a_group_is_one(group: str, seed: int) -> None:
    """Moving all of an orbit by an element only changes its order, and the first element does nothing."""
    x = torch.rand(1, 2, 4, 6, generator=torch.Generator().manual_seed(seed))
    whole = {image.numpy().tobytes() for image in orbit(x, group)}
    assert torch.equal(elements(group)[0](x), x)
    for move in elements(group):
        assert {image.contiguous().numpy().tobytes() for image in move(orbit(x, group))} == whole
    assert len(whole) == len(elements(group))


def test_a_flip_exchanges_left_and_right() -> None:
    for image, mirrored in zip(FEW, orbit(FEW, "flip")[2:], strict=True):
        for i in range(4):
            for j in range(5):
                assert torch.equal(mirrored[:, i, j], image[:, i, 4 - j])


def test_an_unknown_group_is_an_error() -> None:
    with pytest.raises(ValueError, match="group 'turn' is unknown; choose from identity, flip"):
        orbit(FEW, "turn")


def test_networks_train_on_the_orbit_and_pay_for_the_images(tmp_path: Path) -> None:
    protocol = ImageProtocol(bars())
    (plain,) = protocol.random_sets(1000, 1)
    small = replace(plain, meta={KEY: "flip"})
    part = protocol.training_input(small)
    assert isinstance(part.inputs, torch.Tensor)
    assert torch.equal(part.inputs, torch.cat([plain.data, plain.data.flip(3)]))  # type: ignore[list-item, union-attr]
    assert torch.equal(part.y, plain.y.repeat(2))
    assert torch.equal(part.weight, plain.weight.repeat(2))
    assert (small.nbytes, part.entries) == (plain.nbytes, len(plain))
    save_set(small, tmp_path)
    assert len(protocol.training_input(load_set(tmp_path)).y) == 2 * len(plain)


def test_a_set_without_a_group_trains_as_it_is() -> None:
    protocol = ImageProtocol(bars())
    (plain,) = protocol.random_sets(1000, 1)
    one, other = (protocol.train(s, 0, FitConfig(steps=3))[0] for s in (plain, replace(plain, meta={KEY: "identity"})))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert protocol.extra_baselines([plain]) == {}


def test_random_images_have_their_orbit_in_another_row() -> None:
    protocol = ImageProtocol(bars())
    small = replace(protocol.random_sets(1000, 1)[0], meta={KEY: "flip"})
    ((name, (drawn,)),) = protocol.extra_baselines([small]).items()
    assert name == "random images with their flip, equal bytes"
    assert drawn.nbytes == small.nbytes
    assert len(protocol.training_input(drawn).y) == 2 * len(small)
