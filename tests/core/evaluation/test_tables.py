import csv
import io
import lzma

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from graphdistill.core.evaluation.group_gaps import odds_gap, parity_gap
from graphdistill.core.evaluation.rows import baseline_rows, train_rows
from graphdistill.core.evaluation.tables import PlainRows, TableProtocol, csv_bytes, round_rows
from graphdistill.core.sets.storage import load_set, save_set
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.fit import FitConfig, predict
from graphdistill.datasets import load

SHORT = FitConfig(steps=30, batch_size=64, eval_every=10)


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=8))
def test_stored_features_are_within_half_a_step_and_are_kept_by_half_precision(values):
    x = torch.tensor([values])
    found = round_rows(x)
    assert torch.equal(found.half().float(), found)
    assert torch.equal(round_rows(found), found)
    assert bool(((found - x.clamp(-60, 60)).abs() <= 1 / 64 + 1e-6).all())


@given(st.lists(st.tuples(st.sampled_from(["a", 'b,"c', ""]), st.integers(0, 999)), min_size=1, max_size=40))
def test_a_plain_file_is_no_longer_than_xz_of_its_lines(rows):
    lines = []
    for row in rows:
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(row)
        lines.append(line.getvalue())
    assert csv_bytes(lines) <= len(lzma.compress("\n".join(lines).encode()))


def test_random_rows_are_counted_in_the_smaller_form():
    protocol = TableProtocol(load("wine"))
    (drawn,) = protocol.random_sets(600, draws=1)
    assert isinstance(drawn, PlainRows)
    plain = SyntheticSet(drawn.data, drawn.y, drawn.weight)
    assert drawn.nbytes == min(plain.nbytes, drawn.meta["csv_bytes"]) <= 600
    more = protocol.chosen(protocol.random_order(0)[: len(drawn) + 1])
    assert more.nbytes > 600 * 0.997
    assert int(drawn.y.bincount().max() - drawn.y.bincount().min()) <= 1
    assert protocol.full_bytes <= csv_bytes([protocol.data.lines[i] for i in protocol.data.train])


def test_a_table_without_lines_is_counted_in_the_codec():
    data = load("iris")
    object.__setattr__(data, "lines", None)
    protocol = TableProtocol(data)
    assert type(protocol.chosen(torch.arange(6))) is SyntheticSet
    assert protocol.full_bytes > 0


def test_a_perceptron_learns_the_table(tmp_path):
    protocol = TableProtocol(load("iris"), trainings=2, fit=SHORT)
    (row,) = train_rows(protocol, "all", [protocol.full()])
    assert (row.group, row.entries, len(row.test)) == ("MLP", 120, 2)
    assert row.mean > 0.8
    few = protocol.chosen(torch.arange(9))
    save_set(SyntheticSet(few.data, few.y, few.weight), tmp_path / "set")
    assert torch.equal(load_set(tmp_path / "set").data, few.data)


def test_rows_of_groups_are_scored_by_how_differently_these_are_treated():
    protocol = TableProtocol(load("biased-table"), trainings=2, fit=SHORT)
    (row,) = train_rows(protocol, "all", [protocol.full()])
    assert {name: len(values) for name, values in row.others.items()} == {"parity gap": 2, "odds gap": 2}
    net, _ = protocol.train(protocol.full(), 0)
    test, data = protocol.data.test, protocol.data
    predicted = predict(net, data.x[test]).argmax(dim=1)
    assert row.others["parity gap"][0] == parity_gap(predicted, data.group[test])
    assert row.others["odds gap"][0] == odds_gap(predicted, data.y[test], data.group[test])
    *_, majority = baseline_rows(protocol, [protocol.random_sets(300, 1)[0]])
    assert (majority.name, majority.others) == ("majority class", {"parity gap": (0.0,), "odds gap": (0.0,)})
    iris = TableProtocol(load("iris"), trainings=1, fit=SHORT)
    assert train_rows(iris, "all", [iris.full()])[0].others == {}


def test_reweighed_rows_are_a_baseline_where_there_are_groups():
    protocol = TableProtocol(load("biased-table"))
    ((name, (whole,)),) = protocol.extra_baselines([]).items()
    assert (name, whole.entries, whole.nbytes) == ("all the data, reweighed by group", 1600, protocol.full_bytes)
    group, total = protocol.data.group[protocol.data.train], torch.zeros(2, 2)
    total.index_put_((whole.y, group), whole.weight, accumulate=True)
    # Both classes weigh the same, and both groups within each: 800 of 1,600 rows are of a group.
    assert torch.allclose(total, torch.full((2, 2), 0.5), atol=1e-4)
    assert TableProtocol(load("iris")).extra_baselines([]) == {}


def test_linear_models_of_classes_that_are_far_apart_have_finite_logits():
    protocol = TableProtocol(load("breast-cancer"))
    few = protocol.chosen(protocol.random_order(0)[:40])
    far = SyntheticSet((few.data * 40).clamp(-60, 60), few.y, few.weight)
    (model,) = protocol.linear_models([far])
    (theirs,) = protocol.linear_models([few])
    assert model("valid").isfinite().all()
    known = LogisticRegression(max_iter=5000).fit(few.data.numpy(), few.y.numpy())
    expected = torch.from_numpy(known.predict_log_proba(protocol.flat("valid").double().numpy()))
    torch.testing.assert_close(theirs("valid"), expected)


def test_targets_are_refused():
    with pytest.raises(ValueError, match="diabetes has targets of regression, but sets are distilled class by class"):
        TableProtocol(load("diabetes"))
