from graphdistill.bench.kd import main, quantized
from graphdistill.bench.options import KDBench


def test_every_number_of_bits_is_compared_with_rounding(monkeypatch, capsys):
    monkeypatch.setattr(quantized, "BITS", (2,))
    monkeypatch.setattr(quantized, "NETWORK", "MLP")
    monkeypatch.setattr(quantized, "OTHERS", {"digits": "MLP"})
    main(KDBench(parts=("quantized",), seeds=1, steps=1, jobs=1))
    out = capsys.readouterr().out
    words = "accuracy - rounding", "accuracy - labels alone", "levels by gradient", "float network", "bytes"
    for word in (*words, "digits, MLP, 2 bits, test metric"):
        assert word in out
