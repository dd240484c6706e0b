import warnings

from graphdistill.bench.kd import _unlabelled
from graphdistill.bench.options import KDBench


def test_selection_stands_next_to_kd_on_all(capsys, monkeypatch):
    # Without data on disk the other images are digits, too.
    monkeypatch.setattr(_unlabelled, "OTHERS", "digits")
    monkeypatch.setattr(_unlabelled, "DIGITS", 40)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the teacher's validation accuracy")
        _unlabelled.measure(KDBench(seeds=1, steps=2, jobs=1))
    out = capsys.readouterr().out
    assert all(word in out for word in ("teacher", "KD on all", "KD3, selection alone"))
