import pytest

from graphdistill.kd.data.kinds import view_of
from tests.kd.samples import images, nodes, texts


def test_every_kind_has_its_view():
    assert [view_of(data).KIND for data in (nodes(), images(), texts())] == ["nodes", "images", "text"]
    with pytest.raises(ValueError, match="is empty"):
        view_of([])
