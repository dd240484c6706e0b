from graphdistill.bench.kd import entropic_student, main
from graphdistill.bench.options import KDBench


def test_every_rate_is_compared_with_uniform_steps(monkeypatch, capsys):
    monkeypatch.setattr(entropic_student, "BETAS", (0.1,))
    monkeypatch.setattr(entropic_student, "BITS", (2,))
    monkeypatch.setattr(entropic_student, "NETWORK", "ConvNet-8")
    main(KDBench(parts=("entropic-student",), seeds=1, steps=1, jobs=1))
    out = capsys.readouterr().out
    for word in ("accuracy - float network", "beta 0.1", "first stage, 2 bits", "encoder, 2 bits", "images, 4 bits"):
        assert word in out
