import pytest

from graphdistill.bench.kd import _ner
from graphdistill.bench.options import KDBench
from tests.kd.samples import tagged


@pytest.mark.filterwarnings("ignore:the teacher's validation f1")
def test_every_choice_of_questions_has_a_row(monkeypatch):
    monkeypatch.setattr(_ner, "DATASET", tagged())
    found = _ner._seed(KDBench(steps=1), 0)
    assert list(found) == ["teacher, all labels", "labels", *_ner.METHODS]
    assert all(list(row) == ["test", "valid"] and 0 <= min(row.values()) <= 100 for row in found.values())
