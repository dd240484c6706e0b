from graphdistill.bench.kd import main
from graphdistill.bench.options import KDBench


def test_sparse_students_are_compared(capsys):
    main(KDBench(parts=("squarehead",), seeds=1, steps=2, jobs=1))
    out = capsys.readouterr().out
    assert all(word in out for word in ("80% zero, pruned alone", "95% zero, labels", "95% zero, squarehead"))
