from graphdistill.bench.kd import main
from graphdistill.bench.options import KDBench


def test_both_methods_have_norms_and_cosines(capsys):
    main(KDBench(parts=("kd-plus-plus",), seeds=1, steps=3, jobs=1))
    out = capsys.readouterr().out
    assert all(word in out for word in ("digits, test images, ConvNet to MLP", "norm", "cosine", "KD++", "teacher"))
