from __future__ import annotations

import pytest
import torch


@pytest.fixture(
    scope="session",
    params=[
        "cpu",
        pytest.param("cuda", marks=pytest.mark.gpu),
    ],
)
def device(request: pytest.FixtureRequest) -> torch.device:
    """Every device that is here; values are to be the same on all of them."""
    return torch.device(request.param)
