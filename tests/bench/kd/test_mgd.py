import pytest

from graphdistill.bench.kd import main
from graphdistill.bench.options import KDBench


@pytest.mark.filterwarnings("ignore:the teacher's validation accuracy")
def test_scenes_and_nodes_are_measured(capsys):
    main(KDBench(parts=("mgd",), seeds=1, steps=1, jobs=1))
    out = capsys.readouterr().out
    assert all(word in out for word in ("scenes of digits", "mean IoU", "digits-knn", "mgd", "supervised part"))
