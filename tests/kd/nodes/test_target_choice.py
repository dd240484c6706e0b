from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from graphdistill.kd.nodes.label_spreading import label_spreading
from graphdistill.kd.nodes.target_choice import (
    above_chance,
    as_good_as_the_best,
    candidates,
    chosen_targets,
    class_mass_normalization,
    mean_entropy,
    predicted_shares,
    with_entropy,
    with_shares,
)
from tests.kd.nodes.samples import rows, small

DATA = small()
NONE = torch.empty(2, 0, dtype=torch.long)


def soft_labels(nodes: int = 60, seed: int = 0) -> torch.Tensor:
    return rows(nodes, 3, seed).softmax(dim=1)


@given(st.integers(0, 1000), st.floats(0.05, 0.9))
def test_class_masses_are_those_that_are_wanted_and_odds_within_a_class_stay(seed: int, share: float) -> None:
    soft, mass = soft_labels(20, seed), torch.tensor([share, (1 - share) / 3, 2 * (1 - share) / 3])
    found = class_mass_normalization(soft, mass)
    torch.testing.assert_close(found.mean(dim=0), mass, atol=2e-3, rtol=0)
    torch.testing.assert_close(found.sum(dim=1), torch.ones(20))
    odds = (found[:, 0] / found[:, 1]) / (soft[:, 0] / soft[:, 1])
    torch.testing.assert_close(odds, odds[:1].expand(20), rtol=1e-3, atol=0)


def test_a_teacher_that_predicts_one_class_alone_gets_both() -> None:
    soft = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    found = class_mass_normalization(soft, torch.tensor([0.5, 0.5]))
    assert found.argmax(dim=1).tolist() == [0, 0, 1, 1]


@given(st.integers(0, 1000), st.floats(0.05, 1.0))
def test_the_entropy_is_that_which_is_wanted_and_the_order_of_classes_stays(seed: int, entropy: float) -> None:
    soft = soft_labels(20, seed)
    found = with_entropy(soft, entropy)
    p = found.double().numpy()
    assert -(p * np.log(np.maximum(p, 1e-30))).sum(1).mean() == pytest.approx(entropy, abs=2e-3)
    assert mean_entropy(found) == pytest.approx(entropy, abs=2e-3)
    assert torch.equal(found.argmax(dim=1), soft.argmax(dim=1))


def test_uniform_labels_cannot_be_sharpened() -> None:
    uniform = torch.full((4, 2), 0.5)
    torch.testing.assert_close(with_entropy(uniform, 0.1), uniform)


@given(st.integers(0, 1000), st.integers(10, 190))
@example(952, 12)
def test_shares_of_predicted_classes_are_those_that_are_wanted(seed: int, first: int) -> None:
    soft = rows(200, 2, seed).softmax(dim=1)
    found = with_shares(soft, torch.tensor([first / 200, 1 - first / 200]), 0.3)
    assert float(predicted_shares(found)[0]) == pytest.approx(first / 200, abs=0.03)
    assert mean_entropy(found) == pytest.approx(0.3, abs=2e-3)
    likelier = soft[:, 0].argsort(descending=True)
    # Rows that differ by a rounding may change places.
    torch.testing.assert_close(found[:, 0].sort(descending=True).values, found[likelier, 0], atol=1e-6, rtol=0)


def test_three_classes_get_their_shares() -> None:
    wanted = torch.tensor([0.5, 0.3, 0.2])
    torch.testing.assert_close(predicted_shares(with_shares(soft_labels(300), wanted, 0.5)), wanted, atol=0.02, rtol=0)


def test_a_class_that_is_never_predicted_stays_so() -> None:
    found = with_shares(soft_labels(60), torch.tensor([0.5, 0.5, 0.0]), 0.5)
    assert bool(found.isfinite().all())
    assert float(predicted_shares(found)[2]) == 0


def test_candidates_are_the_teacher_and_spreadings_each_with_three_kinds_of_class_shares() -> None:
    soft = soft_labels()
    found = dict(candidates(soft, DATA.edge_index, NONE, [(10, 0.2, 0.3), (10, 0.2, 0.0)]))
    assert list(found) == [
        "teacher",
        "teacher, equal shares",
        "10 rounds, restart 0.2",
        "10 rounds, restart 0.2, the teacher's shares",
        "10 rounds, restart 0.2, equal shares",
    ]
    spread = label_spreading(soft, DATA.edge_index, DATA.x, steps=10, restart=0.2, neighbours=0, sharpen=1)
    torch.testing.assert_close(found["10 rounds, restart 0.2"], with_entropy(spread, mean_entropy(soft)))
    kept = found["10 rounds, restart 0.2, the teacher's shares"]
    torch.testing.assert_close(predicted_shares(kept), predicted_shares(soft), atol=0.04, rtol=0)
    for name in ("teacher, equal shares", "10 rounds, restart 0.2, equal shares"):
        torch.testing.assert_close(predicted_shares(found[name]), torch.full((3,), 1 / 3), atol=0.04, rtol=0)


def test_like_features_are_used_where_a_spreading_has_a_weight() -> None:
    similar = torch.tensor([[0, 1], [1, 0]])
    found = dict(candidates(soft_labels(), DATA.edge_index, similar, [(10, 0.2, 0.3), (10, 0.2, 0.0)]))
    assert len(found) == 8
    assert not torch.equal(found["10 rounds, restart 0.2"], found["10 rounds, restart 0.2, features 0.3"])


def test_confidence_alone_does_not_choose() -> None:
    y = torch.arange(60) % 3
    soft = (0.3 * torch.eye(3)[y] + 0.3 * rows(60, 3)).softmax(dim=1)
    assert sorted(as_good_as_the_best({"soft": soft, "sharp": with_entropy(soft, 0.3)}, y)) == ["sharp", "soft"]


def test_what_is_clearly_worse_is_left_out_and_what_is_nearly_as_good_stays() -> None:
    y = torch.arange(60) % 3
    right = torch.where(torch.eye(3)[y] > 0, 0.8, 0.1)
    right[1:10] = right[1:10].roll(1, dims=1)
    nearly = right.clone()
    nearly[10:12], nearly[1] = right[10:12].roll(1, dims=1), torch.where(torch.eye(3)[y[1]] > 0, 0.8, 0.1)
    assert as_good_as_the_best({"right": right, "nearly": nearly, "wrong": right.roll(1, dims=1)}, y) == [
        "right",
        "nearly",
    ]


def test_one_validation_node_is_enough() -> None:
    assert as_good_as_the_best(
        {"a": torch.tensor([[0.9, 0.1]]), "b": torch.tensor([[0.2, 0.8]])}, torch.tensor([0])
    ) == ["a"]


def test_the_result_is_the_geometric_mean_of_those_that_validation_chose_with_the_shares_of_the_teacher() -> None:
    valid, options = DATA.valid, [(10, 0.2, 0.0), (1, 0.5, 0.0)]
    able = (0.5 * rows(len(DATA.y), 3) + torch.eye(3)[DATA.y]).softmax(dim=1)
    weak = able.roll(1, dims=1)
    for soft in (able, weak):
        target, names = chosen_targets(
            soft, DATA.edge_index, DATA.x, valid, DATA.y[valid], spreadings=options, neighbours=0, confidence=0.5
        )
        found = dict(candidates(soft, DATA.edge_index, NONE, options))
        assert names == as_good_as_the_best({name: each[valid] for name, each in found.items()}, DATA.y[valid])
        product = torch.stack([found[name] for name in names]).double().prod(dim=0) ** (1 / len(names))
        mean, entropy = (product / product.sum(dim=1, keepdim=True)).float(), 0.5 * mean_entropy(soft)
        want = with_shares(mean, predicted_shares(soft), entropy) if soft is able else with_entropy(mean, entropy)
        torch.testing.assert_close(target, want, rtol=1e-3, atol=1e-4)
        assert mean_entropy(target) == pytest.approx(entropy, rel=1e-2)
    assert above_chance(able[valid], DATA.y[valid])
    assert not above_chance(weak[valid], DATA.y[valid])


def test_other_labels_than_those_of_validation_nodes_do_not_matter() -> None:
    def targets(y: torch.Tensor) -> torch.Tensor:
        return chosen_targets(
            soft_labels(),
            DATA.edge_index,
            DATA.x,
            DATA.valid,
            y[DATA.valid],
            spreadings=[(10, 0.2, 0.3)],
            neighbours=3,
            confidence=0.4,
        )[0]

    changed = DATA.y.clone()
    changed[DATA.test] = 0
    assert torch.equal(targets(DATA.y), targets(changed))


def test_a_candidate_at_chance_is_left_out_unless_all_are() -> None:
    y = torch.arange(12) % 2
    constant = torch.tensor([[0.6, 0.4]]).expand(12, 2)
    weak = torch.where(torch.eye(2)[y] > 0, 0.6, 0.4)
    weak[:5] = weak[:5].flip(1)
    assert as_good_as_the_best({"constant": constant, "weak": weak}, y) == ["weak"]
    assert as_good_as_the_best({"constant": constant}, y) == ["constant"]
