import pytest
from scipy.stats import kendalltau

from graphdistill.bench.kd import main, search
from graphdistill.bench.options import KDBench
from graphdistill.kd.architectures import space


@pytest.mark.filterwarnings("ignore:the teacher's validation accuracy")
def test_both_claims_are_measured(monkeypatch, capsys):
    monkeypatch.setattr(space, "WIDTHS", (4, 6, 8, 12))
    monkeypatch.setattr(space, "DEPTHS", (1,))
    monkeypatch.setattr(search, "SPACES", {"digits-knn": "MLP"})
    monkeypatch.setattr(search, "SUPERNETS", {"digits-knn": ("MLP", 0)})
    main(KDBench(parts=("search",), seeds=1, steps=2, jobs=1))
    out = capsys.readouterr().out
    words = ("Kendall's tau", "alike students", "digits-knn", "parameters", "semantic term", "mean of all", "best")
    words += ("supernet", "alone, kd", "smallest", "largest")
    assert all(word in out for word in words)


def test_tau_among_all_pairs_is_that_of_scipy():
    values, truth = [3.0, 1.0, 2.0, 5.0, 4.0], [0.3, 0.2, 0.1, 0.9, 0.5]
    assert search.tau_among_alike(values, truth, [1.0] * 5) == pytest.approx(kendalltau(values, truth).statistic)
    assert search.tau_among_alike([1, 2, 3], [1, 2, 0], [10, 15, 100]) == 1
