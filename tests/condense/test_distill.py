from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.data.kinds import protocol_of
from graphdistill.condense.distill import distill_condense
from graphdistill.core.sets.quantized import Precision
from graphdistill.core.training.fit import FitConfig
from tests.condense.graph_samples import chains
from tests.condense.samples import bars, pairs, seeded


def test_any_method_by_its_name() -> None:
    synthetic = distill_condense(
        bars(), CondenseConfig(method="dm", per_class=1, steps=2, bits="full"), generator=seeded()
    )
    assert (len(synthetic), synthetic.meta["method"], synthetic.meta["dataset"]) == (3, "dm", "bars")
    herd = distill_condense(bars(), CondenseConfig(method="herding", per_class=2, bits="full"))
    assert (len(herd), herd.meta["per_class"]) == (6, 2)
    assert isinstance(herd.meta["seconds"], float)
    nodes = distill_condense(
        pairs(), CondenseConfig(method="gcdm", per_class=1, steps=2, bits="full"), generator=seeded()
    )
    assert (len(nodes), nodes.meta["dataset"], nodes.meta["optimizer"]) == (3, "pairs", "adam")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"method": "dmm"}, "--method 'dmm' is unknown. Did you mean dm"),
        ({"per_class": 13}, "--per-class 13 is more than the 12 training images of class 0; give 12 or less"),
        ({"per_class": 0}, "--per-class must be 1 or more, got 0"),
        ({"steps": 0}, "--steps must be 1 or more, got 0"),
        ({"method": "gcdm"}, "--method gcdm is for nodes, but the data set holds images; for images choose from"),
        ({"checks": 0}, "--checks must be 1 or more, got 0"),
        ({"patience": 0}, "--patience must be 1 or more, got 0"),
        ({"bits": 1}, "--bits must be from 2 to 8, auto or full, got 1"),
        ({"tolerance": -1.0}, "--tolerance must be 0 or more, got -1.0"),
        ({"method": "random", "steps": 5}, "--steps is for methods that learn, but random only selects; leave it out"),
        ({"method": "random", "checks": 9}, "--checks is for methods that learn, but random only selects"),
        ({"method": "random", "patience": 1}, "--patience is for methods that learn, but random only selects"),
    ],
)
def test_words_that_cannot_be(words: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        distill_condense(bars(), CondenseConfig(**{"per_class": 2, **words}))  # type: ignore[arg-type]


def test_bits_are_those_of_the_config_or_the_fewest_that_validation_allows() -> None:
    full = distill_condense(bars(), CondenseConfig(method="herding", per_class=2, bits="full"))
    four = distill_condense(bars(), CondenseConfig(method="herding", per_class=2, bits=4))
    assert torch.equal(four.data, Precision(4).round(torch.as_tensor(full.data)))
    assert "bits" not in full.meta
    protocol = replace(protocol_of(bars()), fit=FitConfig(steps=10, eval_every=5))
    config = CondenseConfig(method="herding", per_class=2, tolerance=1.0)
    auto = distill_condense(protocol.data, config, protocol=protocol)
    assert (auto.meta["bits"], auto.nbytes < four.nbytes < full.nbytes) == (2, True)
    assert float(str(auto.meta["seconds"])) > 0


def test_graphs_have_no_bits() -> None:
    with pytest.raises(ValueError, match="--bits 4 is for images, nodes and rows that are stored one by one; use full"):
        distill_condense(chains(), CondenseConfig(method="random", per_class=1, bits=4))


def test_checks_and_patience_are_those_of_the_config() -> None:
    config = CondenseConfig(method="dm", per_class=1, steps=4, checks=2, patience=9, bits="full")
    synthetic = distill_condense(bars(), config, generator=seeded())
    assert [step for step, _ in synthetic.meta["checks"]] == [0, 2, 4]  # type: ignore[attr-defined]


def test_a_class_without_training_images_is_named() -> None:
    images = bars()
    images = replace(images, train=images.train[images.y[images.train] != 1])
    with pytest.raises(ValueError, match="class 1 of 0 to 2 has none of the training images"):
        distill_condense(images, CondenseConfig(per_class=1))


def test_dm_beats_the_random_images_it_began_with() -> None:
    """On validation, which chose; the honest rows are those of the command."""
    synthetic = distill_condense(
        bars(), CondenseConfig(method="dm", per_class=1, steps=30, bits="full"), generator=seeded()
    )
    checks = synthetic.meta["checks"]
    assert isinstance(checks, list)
    assert synthetic.meta["valid"] >= checks[0][1]


def test_a_protocol_of_other_data_is_refused() -> None:
    with pytest.raises(ValueError, match="protocol is of bars, not of this data; make it by protocol_of"):
        distill_condense(bars(), CondenseConfig(method="herding", per_class=1), protocol=protocol_of(bars(5)))
