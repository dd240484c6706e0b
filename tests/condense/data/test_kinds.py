from __future__ import annotations

from typing import Any

import pytest

from graphdistill.condense.data.graphs import RealGraphs
from graphdistill.condense.data.images import RealImages
from graphdistill.condense.data.kinds import protocol_of, real_of
from graphdistill.condense.data.nodes import RealNodes
from graphdistill.core.evaluation.graphs import GraphSetProtocol
from graphdistill.core.evaluation.images import ImageProtocol
from graphdistill.core.evaluation.nodes import NodeProtocol
from tests.condense.graph_samples import chains
from tests.condense.samples import bars, pairs


@pytest.mark.parametrize(
    ("data", "protocol", "real", "kind"),
    [
        (bars(), ImageProtocol, RealImages, "images"),
        (pairs(), NodeProtocol, RealNodes, "nodes"),
        (chains(), GraphSetProtocol, RealGraphs, "graphs"),
    ],
)
def test_every_kind_has_its_protocol_and_its_training_data(data: Any, protocol: type, real: type, kind: str) -> None:
    judge = protocol_of(data, 2)
    assert (type(judge), judge.networks) == (protocol, 2)
    found = real_of(judge)
    assert (type(found), found.KIND) == (real, kind)
    assert (judge.augment is None) == (kind != "images")
    assert found.y.tolist() == data.y[data.train].tolist()
