from __future__ import annotations

from typing import Any

import pytest

from graphdistill.condense.data.graphs import TrainingGraphs
from graphdistill.condense.data.images import TrainingImages
from graphdistill.condense.data.kinds import protocol_of, training_data_of
from graphdistill.condense.data.nodes import TrainingNodes
from graphdistill.condense.data.rows import TrainingRows
from graphdistill.condense.data.unlabelled import UnlabelledImages
from graphdistill.core.evaluation.graphs import GraphSetProtocol
from graphdistill.core.evaluation.images import ImageProtocol
from graphdistill.core.evaluation.nodes import NodeProtocol
from graphdistill.core.evaluation.probe import ProbeProtocol
from graphdistill.core.evaluation.tables import TableProtocol
from graphdistill.datasets import load
from tests.condense.graph_samples import chains
from tests.condense.samples import bars, pairs


@pytest.mark.parametrize(
    ("data", "protocol", "real", "kind"),
    [
        (bars(), ImageProtocol, TrainingImages, "images"),
        (pairs(), NodeProtocol, TrainingNodes, "nodes"),
        (chains(), GraphSetProtocol, TrainingGraphs, "graphs"),
        (load("iris"), TableProtocol, TrainingRows, "rows"),
    ],
)
def test_every_kind_has_its_protocol_and_its_training_data(data: Any, protocol: type, real: type, kind: str) -> None:
    made = protocol_of(data, trainings=2)
    assert (type(made), made.trainings) == (protocol, 2)
    found = training_data_of(made)
    assert (type(found), found.KIND) == (real, kind)
    assert (made.augment is None) == (kind != "images")
    assert found.y.tolist() == data.y[data.train].tolist()


def test_images_without_labels_have_a_protocol_of_their_own() -> None:
    made = protocol_of(bars(), unlabelled=True, encoder_steps=1, width=4)
    assert isinstance(made, ProbeProtocol)
    assert made.augment is not None
    found = training_data_of(made)
    assert (type(found), found.KIND) == (UnlabelledImages, "unlabelled images")
    assert isinstance(protocol_of(pairs(), unlabelled=True), NodeProtocol)
