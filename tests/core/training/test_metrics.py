from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from ogb.graphproppred import Evaluator
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, mean_squared_error, roc_auc_score
from torch import Tensor

from graphdistill.core.training.metrics import calibration_error, per_sample_loss, score, with_label


def logits_of(seed: int, rows: int, columns: int) -> torch.Tensor:
    # Halves, so that some scores tie.
    return (torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)) * 2).round() / 2


@settings(deadline=None)
@given(st.integers(0, 9999), st.integers(2, 30))
def test_two_classes_score_as_in_sklearn(seed: int, rows: int) -> None:
    logits = logits_of(seed, rows, 2)
    y = torch.arange(rows) % 2
    share = (logits[:, 1] - logits[:, 0]).numpy()
    assert score(logits, y, "rocauc") == pytest.approx(roc_auc_score(y.numpy(), share), abs=1e-12)
    assert score(logits, y, "accuracy") == pytest.approx(accuracy_score(y.numpy(), logits.argmax(1).numpy()))


@settings(deadline=None)
@given(st.integers(0, 9999), st.integers(3, 5), st.integers(5, 30))
def test_more_classes_score_one_against_the_rest(seed: int, classes: int, rows: int) -> None:
    logits = torch.randn(rows, classes, generator=torch.Generator().manual_seed(seed)).double()
    y = torch.arange(rows) % classes
    want = roc_auc_score(y.numpy(), logits.softmax(1).numpy(), multi_class="ovr", average="macro")
    assert score(logits, y, "rocauc") == pytest.approx(want, abs=1e-12)
    assert score(logits, y, "accuracy") == pytest.approx(accuracy_score(y.numpy(), logits.argmax(1).numpy()))


@settings(deadline=None)
@given(st.integers(0, 9999), st.integers(1, 4), st.integers(1, 20))
def test_many_tasks_average_over_those_that_have_both_labels(seed: int, tasks: int, rows: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = logits_of(seed, rows, tasks)
    y = torch.randint(2, (rows, tasks), generator=generator).float()
    y[torch.rand(rows, tasks, generator=generator) < 0.3] = torch.nan
    aucs, accuracies = [], []
    for column, truth in zip(logits.T.numpy(), y.T.numpy(), strict=True):
        known = ~np.isnan(truth)
        if known.any():
            accuracies.append(accuracy_score(truth[known], column[known] > 0))
        if len(np.unique(truth[known])) == 2:
            aucs.append(roc_auc_score(truth[known], column[known]))
    got = score(logits, y, "rocauc")
    assert math.isnan(got) if not aucs else got == pytest.approx(np.mean(aucs), abs=1e-12)
    if accuracies:
        assert score(logits, y, "accuracy") == pytest.approx(np.mean(accuracies), abs=1e-12)


def test_a_class_that_is_missing_leaves_no_roc() -> None:
    assert math.isnan(score(torch.zeros(3, 2), torch.tensor([1, 1, 1]), "rocauc"))
    # Of three classes one is absent: the mean is over the two others.
    logits = torch.tensor([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [2.0, 1.0, 0.0]])
    assert score(logits, torch.tensor([0, 1, 1]), "rocauc") == 1.0


def test_a_task_without_any_label_has_no_accuracy() -> None:
    logits = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    y = torch.tensor([[torch.nan, 1.0], [torch.nan, 1.0]])
    assert score(logits, y, "accuracy") == 0.5
    assert math.isnan(score(logits, torch.full((2, 2), torch.nan), "accuracy"))


@pytest.mark.parametrize("soft", [False, True])
def test_cross_entropy_of_hard_and_soft_labels(soft: bool) -> None:
    logits = logits_of(1, 6, 3).double()
    hard = torch.arange(6) % 3
    y = F.one_hot(hard, 3).double() if soft else hard
    loss = per_sample_loss(logits, y, "multiclass")
    assert loss.shape == (6,)
    assert float(loss.mean()) == pytest.approx(log_loss(hard.numpy(), logits.softmax(1).numpy()))
    if soft:
        mixed = torch.full((6, 3), 1 / 3).double()
        want = -logits.log_softmax(1).mean(1)
        torch.testing.assert_close(per_sample_loss(logits, mixed, "multiclass"), want)


def test_many_tasks_lose_over_the_known_labels_of_each_graph() -> None:
    logits = logits_of(2, 3, 3).requires_grad_()
    nan = torch.nan
    y = torch.tensor([[1.0, nan, 0.0], [nan, nan, nan], [nan, 0.0, nan]])
    loss = per_sample_loss(logits, y, "multilabel")
    want = [
        F.binary_cross_entropy_with_logits(row[~y_.isnan()], y_[~y_.isnan()]) for row, y_ in zip(logits, y, strict=True)
    ]
    torch.testing.assert_close(loss, torch.stack([want[0], torch.zeros(()), want[2]]))
    loss.sum().backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad != 0, ~y.isnan())


def test_entries_without_a_label_are_not_scored() -> None:
    with pytest.raises(ValueError, match=r"^y has no label at 1 of 2 entries; score those with a label$"):
        score(torch.zeros(2, 3), torch.tensor([0, -1]), "accuracy")


def gaps(rows: int, columns: int, seed: int) -> tuple[Tensor, Tensor]:
    """Predictions and targets of which some are unknown."""
    draw = torch.Generator().manual_seed(seed)
    y = 3 * torch.randn(rows, columns, generator=draw) - 5
    y[torch.rand(rows, columns, generator=draw) < 0.3] = torch.nan
    return y.nan_to_num() + torch.randn(rows, columns, generator=draw), y


@pytest.mark.parametrize("columns", [1, 3])
def test_rmse_and_mae_are_those_of_sklearn_and_ogb(columns: int) -> None:
    guess, y = gaps(40, columns, 0)
    known = [~torch.isnan(column) for column in y.T]
    pairs = [(y[k, t], guess[k, t]) for t, k in enumerate(known)]
    theirs = float(np.mean([mean_squared_error(truth, found) ** 0.5 for truth, found in pairs]))
    assert score(guess, y, "rmse") == pytest.approx(theirs, rel=1e-6)
    ogb = Evaluator("ogbg-molesol")._eval_rmse(y.double().numpy(), guess.double().numpy())["rmse"]
    assert score(guess, y, "rmse") == pytest.approx(ogb, rel=1e-9)
    theirs = float(np.mean([mean_absolute_error(truth, found) for truth, found in pairs]))
    assert score(guess, y, "mae") == pytest.approx(theirs, rel=1e-6)


def test_targets_that_are_not_known_do_not_count() -> None:
    guess, y = gaps(20, 3, 1)
    y[:, 1] = torch.nan
    assert score(guess, y, "rmse") == pytest.approx(score(guess[:, ::2], y[:, ::2], "rmse"))
    assert math.isnan(score(guess, torch.full_like(y, torch.nan), "mae"))


def test_squared_errors_are_relative_to_the_deviation_and_mean_over_known_targets() -> None:
    guess, y = gaps(30, 3, 2)
    y[4] = torch.nan
    deviation = torch.tensor([0.5, 1.0, 4.0])
    found = per_sample_loss(guess.requires_grad_(), y, "regression", deviation)
    plain = guess.detach()
    for row, loss in enumerate(found.tolist()):
        each = [
            ((float(plain[row, t]) - float(y[row, t])) / float(deviation[t])) ** 2
            for t in range(3)
            if y[row, t] == y[row, t]
        ]
        assert loss == pytest.approx(sum(each) / max(1, len(each)), rel=1e-5)
    (gradient,) = torch.autograd.grad(found.sum(), guess)
    assert torch.equal(gradient == 0, torch.isnan(y))


@settings(deadline=None)
@given(st.integers(0, 9999), st.integers(1, 40), st.integers(1, 20))
def test_calibration_error_is_that_of_a_loop_over_bins(seed: int, rows: int, bins: int) -> None:
    logits = torch.randn(rows, 3, generator=torch.Generator().manual_seed(seed))
    y = torch.randint(3, (rows,), generator=torch.Generator().manual_seed(seed + 1))
    confidence, label = logits.double().softmax(dim=1).max(dim=1)
    want = 0.0
    for b in range(bins):
        inside = (confidence > b / bins) & (confidence <= (b + 1) / bins)
        if inside.any():
            accuracy = (label == y)[inside].double().mean()
            want += float(inside.double().mean() * (accuracy - confidence[inside].mean()).abs())
    assert calibration_error(logits, y, bins) == pytest.approx(want, abs=1e-12)


def test_rows_without_a_label_are_left_out():
    logits, y = torch.rand(5, 3), torch.tensor([2, -1, 0, -1, 1])
    kept, labels = with_label(logits, y)
    assert torch.equal(kept, logits[[0, 2, 4]])
    assert labels.tolist() == [2, 0, 1]
