from graphdistill.bench.kd import main, sanity
from graphdistill.bench.options import KDBench


def test_a_pair_has_teacher_labels_and_kd(monkeypatch, capsys):
    monkeypatch.setattr(sanity, "PAIRS", sanity.PAIRS[:1])
    main(KDBench(parts=("sanity",), seeds=1, steps=3, jobs=1))
    out = capsys.readouterr().out
    assert "digits-knn, GCN to MLP" in out
    assert all(word in out for word in ("teacher", "labels", "kd"))
