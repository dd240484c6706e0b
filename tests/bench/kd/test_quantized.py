from graphdistill.bench.kd import main, quantized
from graphdistill.bench.options import KDBench


def test_every_number_of_bits_is_compared_with_rounding(monkeypatch, capsys):
    monkeypatch.setattr(quantized, "BITS", (2,))
    monkeypatch.setattr(quantized, "NETWORK", "MLP")
    monkeypatch.setattr(quantized, "OTHERS", {"digits-knn": "GCN-16"})
    main(KDBench(parts=("quantized",), seeds=1, steps=1, jobs=1))
    out = capsys.readouterr().out
    for word in ("accuracy - rounding", "accuracy - labels alone", "levels by gradient", "float network", "bytes", "digits-knn, GCN-16"):
        assert word in out
