from graphdistill.bench.kd import identities, main
from graphdistill.bench.options import KDBench


def test_all_identities_hold(monkeypatch, capsys):
    monkeypatch.setattr(identities, "BATCHES", 50)
    main(KDBench(parts=("identities",), seeds=1))
    out = capsys.readouterr().out
    assert all(
        word in out for word in ("OFA", "DAC-KL", "DKD", "JSD", "Sinkhorn", "SquareHead", "MI-alpha", "TAID", "Cr-KD")
    )
    assert out.count("yes") >= 10
    assert "NO" not in out


def test_a_deviation_is_shown(monkeypatch, capsys):
    monkeypatch.setattr(identities, "BATCHES", 3)
    monkeypatch.setattr(identities, "KD", lambda temperature=1.0: lambda s, t, y=None: s.sum(1))
    identities.measure(KDBench(parts=("identities",), seeds=1))
    assert "NO" in capsys.readouterr().out
