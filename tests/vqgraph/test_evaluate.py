from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from graphdistill.core.randomness import generator
from graphdistill.core.training.fit import FitResult
from graphdistill.kd.nodes.config import TeacherConfig
from graphdistill.kd.nodes.inductive import InductiveSplit, Setting, inductive_split
from graphdistill.vqgraph import distill, evaluate
from graphdistill.vqgraph.config import VQGraphConfig
from graphdistill.vqgraph.distill import distill_vqgraph
from graphdistill.vqgraph.evaluate import (
    CHOSEN_ON_TEST,
    METHODS,
    NAMES,
    Scores,
    TrainedTeacher,
    baseline,
    latency,
    normalize_features,
    over_glnn,
    paired,
    rows,
    score_seed,
    train_teacher,
)
from graphdistill.vqgraph.student import VQGraphStudent
from tests.kd.nodes.samples import small

DATA = small()
TINY = VQGraphConfig(num_codes=6, hidden=8, epochs=8, teacher=TeacherConfig(epochs=5))
Columns = dict[str, list[float]]


def split_of(setting: Setting) -> InductiveSplit:
    return inductive_split(normalize_features(DATA), setting, generator=torch.Generator().manual_seed(0))


def trained_teacher(name: Any = "GCN", **options: Any) -> TrainedTeacher:
    return train_teacher(split_of("transductive"), name, TINY, **options)


def scored(setting: Setting, seed: int = 0, **changes: Any) -> dict[str, Columns]:
    scores: dict[str, Scores] = {}
    score_seed(replace(DATA, **changes), "GCN", setting, TINY, scores, seed=seed)
    return {name: found.test for name, found in scores.items()}


def logits_for(y: Tensor, right: int) -> Tensor:
    """Logits of which the first ``right`` rows are right."""
    logits = y.clone()
    logits[right:] = (logits[right:] + 1) % 3
    return torch.eye(3)[logits]


def test_features_are_scaled_to_length_one_and_nothing_else_changes() -> None:
    x = torch.cat([DATA.x[:59] * 7, torch.zeros(1, 9)])
    got = normalize_features(replace(DATA, x=x))
    torch.testing.assert_close(got.x.norm(dim=1), torch.cat([torch.ones(59), torch.zeros(1)]))
    torch.testing.assert_close(got.x[:59] * x[:59].norm(dim=1, keepdim=True), x[:59])
    assert (got.y is DATA.y, got.edge_index is DATA.edge_index, got.train is DATA.train) == (True, True, True)
    words = normalize_features(replace(DATA, x=torch.tensor([[3.0, 4.0]], dtype=torch.double).expand(60, 2)))
    assert words.x[0].tolist() == [pytest.approx(0.6), pytest.approx(0.8)]
    assert words.x.dtype == torch.float32


def test_seen_nodes_have_one_column() -> None:
    split, found = split_of("transductive"), Scores()
    logits = torch.eye(3)[(DATA.y + 1) % 3]
    logits[DATA.test[:5]] = torch.eye(3)[DATA.y[DATA.test[:5]]]
    found.add(split, logits, logits[:0], 0.5, 2.0)
    assert found.test == {"test": [pytest.approx(5 / 20)]}
    assert (found.valid, found.seconds) == ([0.5], [2.0])


@pytest.mark.parametrize(("seen", "unseen"), [(16, 0), (0, 4), (8, 3)])
def test_unseen_nodes_have_theirs_and_production_weighs_both(seen: int, unseen: int) -> None:
    split, found = split_of("inductive"), Scores()
    assert (len(split.data.test), len(split.unseen)) == (16, 4)
    logits = torch.eye(3)[(split.data.y + 1) % 3]
    logits[split.data.test[:seen]] = torch.eye(3)[split.data.y[split.data.test[:seen]]]
    for _ in range(2):
        found.add(split, logits, logits_for(DATA.y[split.unseen], unseen), 0.5, 2.0)
    tran, ind = seen / 16, unseen / 4
    want = {"tran": tran, "ind": ind, "prod": 0.8 * tran + 0.2 * ind}
    assert found.test == {name: [pytest.approx(value)] * 2 for name, value in want.items()}
    assert list(found.test) == ["tran", "ind", "prod"]


@pytest.mark.parametrize("setting", ["transductive", "inductive"])
def test_every_model_has_its_row_and_names_are_unique(setting: Setting) -> None:
    scores: dict[str, Scores] = {}
    for seed in (0, 1):
        trained, found = score_seed(DATA, "GCN", setting, TINY, scores, seed=seed)
        assert found is not None
    assert tuple(scores) == METHODS
    columns = ["test"] if setting == "transductive" else ["tran", "ind", "prod"]
    made = rows(scores, "GCN")
    assert len({(row.name, row.group) for row in made}) == len(made) == len(METHODS) * len(columns)
    for row in made:
        assert row.group in columns
        assert len(row.test) == 2
        assert all(0 <= value <= 1 for value in row.test)
        assert len(row.valid) == (0 if row.name == NAMES["untrained"] else 2)
        assert row.train_seconds is not None
        assert row.train_seconds >= 0
    assert made[0].name == "teacher GCN"
    assert len(trained.split.unseen) == (0 if setting == "transductive" else 4)


def test_rows_chosen_on_test_have_no_validation() -> None:
    one = Scores({"test": [0.5]}, [0.9], [1.0])
    made = {row.name: row for row in rows({method: one for method in NAMES}, "GAT")}
    assert len(made) == len(NAMES)
    for method in (*CHOSEN_ON_TEST, "untrained"):
        assert made[NAMES[method]].valid == ()
    assert all("TEST" in NAMES[method] for method in CHOSEN_ON_TEST)
    assert made["teacher GAT"].valid == (0.9,)


@pytest.mark.bits
def test_the_same_seed_scores_the_same_and_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    first = scored("inductive")
    assert scored("inductive") == first
    assert scored("inductive", seed=1) != first
    assert torch.equal(torch.get_rng_state(), before)


def test_what_comes_later_is_not_seen_while_training() -> None:
    purpose = generator(0, "held out", "small")
    unseen = inductive_split(DATA, "inductive", generator=purpose).unseen
    x, y = DATA.x.clone(), DATA.y.clone()
    x[unseen] = 100 * torch.randn(4, 9, generator=torch.Generator().manual_seed(0))
    y[unseen] = 0
    want, got = scored("inductive"), scored("inductive", x=x, y=y)
    for method in METHODS:
        assert got[method]["tran"] == want[method]["tran"], method
    assert any(got[method]["ind"] != want[method]["ind"] for method in METHODS)


def test_labels_of_test_nodes_only_score() -> None:
    y = DATA.y.clone()
    y[DATA.test] = (y[DATA.test] + 1) % 3
    scores: tuple[dict[str, Scores], dict[str, Scores]] = ({}, {})
    for found, labels in zip(scores, (DATA.y, y), strict=True):
        score_seed(replace(DATA, y=labels), "GCN", "transductive", TINY, found, seed=0)
    for method in METHODS:
        assert scores[0][method].valid == scores[1][method].valid


def test_all_students_start_from_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (distill, evaluate):
        monkeypatch.setattr(module, "fit_student", lambda *args, **kwargs: FitResult(0.0, 0, 0.0))
    trained = trained_teacher()
    students = [
        distill_vqgraph(
            trained.teacher, trained.split.data, TINY, layer=trained.layer, generator=torch.Generator().manual_seed(3)
        ).student
    ]
    students += [baseline(method, trained, TINY, 3)[0] for method in METHODS if method not in ("teacher", "vqgraph")]
    for student in students[1:]:
        for one, other in zip(students[0].parameters(), student.parameters(), strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize("method", ["mlp", "glnn", "krd", "relations"])
def test_baselines_train_with_the_same_config_and_are_deterministic(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def spy(*args: Any, **kwargs: Any) -> FitResult:
        calls.append((args[3], kwargs))
        return distill.fit_student(*args, **kwargs)

    monkeypatch.setattr(evaluate, "fit_student", spy)
    trained = trained_teacher()
    (first, valid), (again, same) = baseline(method, trained, TINY, 1), baseline(method, trained, TINY, 1)
    assert calls == [(TINY, {"seed": 1})] * 2
    assert valid == same
    assert torch.equal(first(DATA.x), again(DATA.x))
    assert not torch.equal(first(DATA.x), baseline("untrained", trained, TINY, 1)[0](DATA.x))


def test_the_mlp_on_labels_does_not_use_the_teacher() -> None:
    trained = trained_teacher()
    silent = replace(trained, logits=torch.zeros_like(trained.logits))
    assert torch.equal(baseline("mlp", trained, TINY, 0)[0](DATA.x), baseline("mlp", silent, TINY, 0)[0](DATA.x))
    assert not torch.equal(baseline("glnn", trained, TINY, 0)[0](DATA.x), baseline("glnn", silent, TINY, 0)[0](DATA.x))


def test_a_wrong_layer_or_too_many_codes_are_refused_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "fit_teacher", lambda *args, **kwargs: pytest.fail("trained"))
    with pytest.raises(ValueError, match=r"layer 'conv' is not in the teacher; it has .*convs\.0"):
        trained_teacher(layer="conv")
    with pytest.raises(ValueError, match="num_codes is 61 but there are only 60 nodes"):
        train_teacher(split_of("transductive"), "GCN", replace(TINY, num_codes=61))


def test_a_layer_may_be_named() -> None:
    assert trained_teacher().layer == "convs.0"
    assert trained_teacher().hidden.shape == (60, 8)
    assert trained_teacher(layer="convs.1").hidden.shape == (60, 3)


values = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6)


@given(values)
def test_pairs_are_compared_as_scipy_does(pairs: list[tuple[float, float]]) -> None:
    ours, others = ([pair[place] for pair in pairs] for place in (0, 1))
    gain, p = paired(ours, others)
    assert gain == pytest.approx(sum(ours) / len(ours) - sum(others) / len(others), abs=1e-9)
    differences = [a - b for a, b in pairs]
    if max(differences) - min(differences) > 1e-6:
        assert p == pytest.approx(float(stats.ttest_rel(ours, others).pvalue), abs=1e-9)


@pytest.mark.parametrize(
    ("ours", "others"), [([0.8], [0.7]), ([0.8, 0.8], [0.7, 0.7]), ([0.8, 0.9], [0.7, 0.8]), ([0.5] * 3, [0.5] * 3)]
)
def test_equal_gains_have_no_p_value_and_no_warning(ours: list[float], others: list[float]) -> None:
    gain, p = paired(ours, others)
    assert gain == pytest.approx(ours[0] - others[0])
    assert math.isnan(p)


def test_gains_are_over_the_glnn_that_was_chosen_in_the_same_way() -> None:
    found = {"vqgraph": [0.82, 0.84], "glnn": [0.8, 0.81], "paper ours": [0.85, 0.87], "paper glnn": [0.83, 0.86]}
    scores = {name: Scores({"tran": [0.0, 0.0], "prod": test}) for name, test in found.items()}
    assert over_glnn(scores, "vqgraph").startswith("+2.50 (p 0.1")
    assert over_glnn(scores, "paper ours").startswith("+1.50 (p 0.2")
    assert over_glnn(scores, "glnn") == over_glnn(scores, "paper glnn") == ""
    assert over_glnn({"mlp": scores["glnn"]}, "mlp") == ""
    single = {name: Scores({"test": test[:1]}) for name, test in found.items()}
    assert over_glnn(single, "vqgraph") == "+2.00"


@pytest.mark.parametrize(("name", "hops"), [("GCN", 2), ("GraphSAGE", 2), ("GAT", 2), ("APPNP", 10)])
def test_latency_is_measured_with_as_many_hops_as_the_teacher_reads(
    name: str, hops: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fanouts = []

    class Spy(evaluate.Neighbours):  # type: ignore[name-defined, misc]
        def sample(self, seeds: Tensor, fanout: Any, generator: torch.Generator) -> tuple[Tensor, Tensor]:
            fanouts.append((len(seeds), tuple(fanout)))
            return super().sample(seeds, fanout, generator)  # type: ignore[no-any-return]

    monkeypatch.setattr(evaluate, "Neighbours", Spy)
    trained = trained_teacher(name)
    times = latency(trained, VQGraphStudent(9, 8, 3), draws=4)
    assert set(times) == {"teacher", "teacher, PyG", "student", "student, full batch"}
    assert all(0 < value < 1000 for value in times.values())
    assert times["student, full batch"] < times["student"] < times["teacher"]
    assert set(fanouts) == {(1, (-1,) * hops)}
    assert len(fanouts) == 12


def test_latency_of_more_draws_than_nodes_is_over_all_of_them() -> None:
    assert latency(trained_teacher(), VQGraphStudent(9, 8, 3), draws=100)["student"] > 0
