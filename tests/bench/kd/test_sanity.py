from graphdistill.bench.kd import main, sanity
from graphdistill.bench.options import KDBench
from graphdistill.kd.data.images import ImageView


def test_a_pair_has_teacher_labels_and_kd(monkeypatch, capsys):
    monkeypatch.setattr(sanity, "PAIRS", sanity.PAIRS[:1])
    main(KDBench(parts=("sanity",), seeds=1, steps=3, jobs=1))
    out = capsys.readouterr().out
    assert "digits-knn, GCN to MLP, test" in out
    assert all(word in out for word in ("teacher", "labels", "kd"))


def test_the_student_may_have_fewer_labels_than_its_teacher(monkeypatch, capsys):
    counts, known = [], ImageView.known
    monkeypatch.setattr(ImageView, "known", lambda self, index: counts.append(len(self.labelled)) or known(self, index))
    monkeypatch.setattr(sanity, "PAIRS", (("digits", "ConvNet", "ConvNet-8", 20),))
    main(KDBench(parts=("sanity",), seeds=1, steps=2, jobs=1))
    assert "digits, ConvNet to ConvNet-8 with 20 labels" in " ".join(capsys.readouterr().out.split())
    assert counts == [1439] * 2 + [20] * 4
