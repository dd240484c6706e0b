"""Bits that validation chooses."""

from __future__ import annotations

import pytest
import torch

from graphdistill.core.evaluation import precision as module
from graphdistill.core.evaluation.precision import best_random_sets, in_fewest_bits, in_same_bits, valid_scores
from graphdistill.core.evaluation.protocol import SELECTION_SEED, SetProtocol
from graphdistill.core.sets.quantized import FULL, Precision, precisions
from graphdistill.core.sets.synthetic import SyntheticSet
from tests.core.evaluation.samples import PROTOCOLS, small


def by_bits(synthetic: SyntheticSet) -> list[float]:
    """A score that falls with every bit and the threshold."""
    chosen = Precision.from_meta(synthetic)
    return [(8 if chosen.bits is None else chosen.bits - 2 * (chosen.threshold - 0.5)) / 10]


@pytest.mark.parametrize("kind", ["images", "nodes"])
@pytest.mark.parametrize("tolerance", [0.0, 0.1, 0.25, 0.4, 1.0])
def test_the_fewest_bytes_within_the_tolerance(kind: str, tolerance: float) -> None:
    whole = small(PROTOCOLS[kind])
    out = in_fewest_bits(whole, by_bits, tolerance)
    # A linear search is the oracle of the bisection.
    wanted = next(p for p in precisions(whole) if by_bits(p.of(whole))[0] >= 0.8 - tolerance - 1e-9)
    assert Precision.from_meta(out) == wanted
    assert torch.equal(out.data, wanted.round(whole.data))
    assert out.meta["precision_checks"][0] == 0.8  # type: ignore[index]


def test_a_set_that_loses_more_in_all_bits_stays_as_it_is() -> None:
    whole = small(PROTOCOLS["images"])
    out = in_fewest_bits(whole, lambda s: [float("bits" not in s.meta)], 0.5)
    assert torch.equal(out.data, whole.data)
    assert len(out.meta["precision_checks"]) == 4  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="tolerance must be 0 or more, got -1"):
        in_fewest_bits(whole, by_bits, -1)


def test_the_score_is_the_mean_of_networks_that_no_row_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    protocol, seeds = PROTOCOLS["nodes"], list[int]()
    network = type(protocol).network
    monkeypatch.setattr(
        type(protocol), "network", lambda self, name, seed: seeds.append(seed) or network(self, name, seed)
    )
    first = valid_scores(protocol, small(protocol))
    assert seeds == [SELECTION_SEED + draw for draw in (1, 2, 3)]
    assert len(first) == 3
    assert all(0 <= score <= 1 for score in first)


def test_a_loss_within_a_standard_error_of_the_tolerance_is_none() -> None:
    whole = small(PROTOCOLS["images"])
    for noise, kept in ((0.0, True), (0.1, False)):
        out = in_fewest_bits(
            whole,
            lambda s, noise=noise: [
                0.5 - 0.03 * ("bits" in s.meta) + noise * k * ("bits" in s.meta) for k in (-1, 0, 1)
            ],
            0.01,
        )
        assert ("bits" not in out.meta) is kept


def test_random_data_are_in_the_bits_that_are_best_at_equal_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    protocol = PROTOCOLS["images"]
    monkeypatch.setattr(module, "_valid", lambda _, synthetic: -abs((synthetic.meta.get("bits") or 9) - 4))
    for first in (FULL, Precision(2), Precision(4), Precision(8)):
        sets, chosen = best_random_sets(protocol, 300, 2, first)
        assert chosen == Precision(4)
        assert all(synthetic.nbytes <= 300 for synthetic in sets)
    assert len(sets[0]) > len(protocol.random_sets(300, 1)[0])
    monkeypatch.setattr(module, "_valid", lambda _, synthetic: float("bits" not in synthetic.meta))
    assert best_random_sets(protocol, 300, 1, Precision(2))[1] == FULL


def test_further_rows_are_in_bits_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    protocol: SetProtocol = PROTOCOLS["nodes"]
    monkeypatch.setattr(module, "valid_scores", lambda _, synthetic: by_bits(synthetic))
    one, other, whole = small(protocol), small(protocol, 14), protocol.full()
    found = in_same_bits(protocol, [one, other, whole], 0.4)
    assert [Precision.from_meta(s) for s in found[:2]] == [Precision(4)] * 2  # type: ignore[arg-type]
    assert found[2] is whole
    assert in_same_bits(protocol, [whole], 0.4) == [whole]
