import matplotlib.image
import pytest

from graphdistill.condense.figures.rows import draw_rows
from graphdistill.core.evaluation.tables import TableProtocol
from graphdistill.datasets import load
from tests.figure_checks import check


@pytest.mark.parametrize("name", ["biased-table", "iris"])
def test_a_picture_of_the_table_and_the_set(name, tmp_path, figures):
    protocol = TableProtocol(load(name))
    draw_rows(protocol.random_sets(200, 1)[0], protocol, tmp_path / "set.png")
    picture = matplotlib.image.imread(tmp_path / "set.png")
    assert min(picture.shape[:2]) > 300
    (axes,) = figures[0].axes
    assert [text.get_text() for text in axes.texts] == [str(value) for value in range(protocol.num_classes)]
    assert sum(len(dots.get_offsets()) for dots in axes.collections) > len(protocol.data.train)
    check(figures[0])
