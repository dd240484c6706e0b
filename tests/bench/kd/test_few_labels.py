import pytest

from graphdistill.bench.kd._few_labels import score_methods
from graphdistill.bench.options import KDBench
from graphdistill.kd.methods import dmae


@pytest.mark.filterwarnings("ignore:the teacher's validation accuracy")
def test_each_method_has_a_row():
    found = score_methods(KDBench(steps=1), {"mine": dmae.Config()}, 0)
    assert list(found) == ["teacher, all labels", "labels", "mine"]
    assert all(0 <= row["accuracy"] <= 100 for row in found.values())
