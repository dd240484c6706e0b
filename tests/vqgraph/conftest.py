from __future__ import annotations

import pytest

from graphdistill.core.data.datasets import NodeDataset
from graphdistill.datasets import load


@pytest.fixture(scope="session")
def cora() -> NodeDataset:
    """Cora of the CPF collection, from ``$GRAPHDISTILL_DATA``."""
    try:
        return load("cora", seed=0)
    except FileNotFoundError as error:
        pytest.skip(str(error))
