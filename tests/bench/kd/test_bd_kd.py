from graphdistill.bench.kd import bd_kd, main
from graphdistill.bench.options import KDBench


def test_all_directions_of_kl_are_compared(monkeypatch, capsys):
    monkeypatch.setattr(bd_kd, "DATASETS", ("digits",))
    main(KDBench(parts=("bd-kd",), seeds=1, steps=2, jobs=1))
    out = capsys.readouterr().out
    assert "digits, ConvNet and ConvNet-8 learn together" in out
    assert all(word in out for word in ("labels", "kd", "rkd", "kl + rkl", "bd-kd", "ECE"))
