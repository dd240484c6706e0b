import pytest

from graphdistill.bench.kd import main
from graphdistill.bench.options import KDBench


@pytest.mark.filterwarnings("ignore:the teacher's validation accuracy")
def test_students_with_few_labels_are_compared(capsys):
    main(KDBench(parts=("dmae",), seeds=1, steps=2, jobs=1))
    out = capsys.readouterr().out
    assert all(
        word in out
        for word in (
            "5 labels a class",
            "digits-knn, 2 labels a class",
            "teacher, all labels",
            "dmae",
            "masked autoencoder",
        )
    )
