import warnings

from graphdistill.bench.kd import main
from graphdistill.bench.options import KDBench


def test_taid_stands_next_to_kd(capsys):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the teacher's validation accuracy")
        main(KDBench(parts=("taid",), seeds=1, steps=2, jobs=1))
    out = capsys.readouterr().out
    assert all(word in out for word in ("width 512 to 8", "teacher", "KD", "TAID, share from 0.4", "linear"))
