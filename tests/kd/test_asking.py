import copy
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from graphdistill.kd.asking import Asked, ask_teacher, check_asking, confidence, draw_asking, explained, threshold_for
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.distill import fit_labels
from tests.figure_checks import check
from tests.kd.samples import images, mlp


def networks():
    view = ImageView(images())
    teacher = fit_labels(mlp(1, 64, 3), view, KDConfig(steps=60, lr=0.02, eval_every=60))
    return view, mlp(0, 64, 3).eval(), teacher


def test_the_least_sure_are_asked_and_random_calls_are_the_line_between_both():
    view, student, teacher = networks()
    found = ask_teacher(view, student, teacher, (0.0, 0.3, 1.0))
    alone, above = view.score(student, "test"), view.score(teacher, "test")
    assert (found[0].share, found[0].test, found[0].random) == (0, alone, alone)
    assert (found[2].share, found[2].test, found[2].random) == (1, above, above)
    order = view.logits(student, "valid").double().softmax(dim=1).amax(dim=1).sort().values
    assert found[1].threshold == order[round(0.3 * len(order))]
    right = 0
    for i in view.data.test.tolist():
        x = view.data.images[i : i + 1]
        p = student(x).detach().double().softmax(dim=1)
        asks = float(p.max()) < found[1].threshold
        right += int((teacher(x) if asks else p).argmax()) == int(view.data.y[i])
    assert found[1].test == pytest.approx(right / len(view.data.test))
    assert found[1].random == pytest.approx(alone + found[1].share * (above - alone))


@settings(max_examples=30, deadline=None)
@given(count=st.integers(1, 40), share=st.floats(0, 1), seed=st.integers(0, 2**20))
def test_the_wished_share_of_validation_asks(count, share, seed):
    logits = torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))
    asks = confidence(logits) < threshold_for(logits, share)
    assert int(asks.sum()) == round(share * count)


def test_thresholds_do_not_read_the_test_split():
    view, student, teacher = networks()
    other = copy.copy(view)
    other.data = copy.copy(view.data)
    object.__setattr__(other.data, "test", view.data.test[:3])
    pairs = zip(
        ask_teacher(view, student, teacher, (0.2, 0.5)), ask_teacher(other, student, teacher, (0.2, 0.5)), strict=True
    )
    assert all(a.threshold == b.threshold for a, b in pairs)


def test_sentences_and_figure_have_means_over_seeds(tmp_path, monkeypatch):
    figures, save = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda f, *a, **w: (figures.append(f), save(f, *a, **w)))
    seeds = [[Asked(0.1, 0.5, 0.1 + d, 0.8 + d, 0.7), Asked(0.5, 0.9, 0.5, 0.9, 0.8)] for d in (0.0, 0.02)]
    assert explained(seeds)[0] == (
        "Asking the teacher for 11.0% of test (10% wished): accuracy 0.810, at random 0.700."
    )
    assert explained([]) == []
    draw_asking(seeds, "kd on demo", tmp_path / "asking.png")
    check(figures[0])
    line = figures[0].axes[0].lines[0]
    assert line.get_xdata() == pytest.approx([11, 50])
    assert line.get_ydata() == pytest.approx([0.81, 0.9])


def test_what_cannot_be_asked_is_refused():
    view, student, teacher = networks()
    with pytest.raises(ValueError, match=r"--ask must be shares from 0 to 1, got 1\.5"):
        ask_teacher(view, student, teacher, (0.5, 1.5))
    with pytest.raises(ValueError, match=r"but the metric of demo is rocauc; give data whose metric is accuracy"):
        check_asking(SimpleNamespace(metric="rocauc", name="demo"))
