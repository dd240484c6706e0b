from __future__ import annotations

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from graphdistill.bench import circuits
from graphdistill.bench.options import CircuitsBench


def test_every_contender_has_its_bits(capsys):
    circuits.main(CircuitsBench(datasets=("digits",), images=150, states=4, epochs=15))
    printed = capsys.readouterr().out
    assert "150 test images of digits, 1,439 learnt from" in printed
    bits = {
        name: float(re.search(rf"│ {name} +│ (\d+\.\d\d\d) ", printed)[1])
        for name in ("Chow-Liu tree", "hidden Chow-Liu tree", "xz", "zlib", "PNG, in one column", "WebP, in a grid")
    }
    assert bits["hidden Chow-Liu tree"] < bits["xz"] < bits["zlib"]
    assert bits["Chow-Liu tree"] < bits["xz"]


def test_image_files_hold_every_image(monkeypatch):
    images = torch.randint(256, (5, 4, 3), generator=torch.Generator().manual_seed(0))
    kept, original = [], circuits.image_file
    monkeypatch.setattr(
        circuits, "image_file", lambda image, *kind, **options: kept.append((image, kind, options)) or 1
    )
    assert circuits.plain_bytes(images)["PNG, in a grid"] == 1
    assert np.array_equal(kept[0][0].reshape(5, 4, 3), images.numpy())
    assert np.array_equal(kept[2][0][4:8, 3:6, 0], images[4].numpy())
    for image, kind, options in kept:
        assert original(image, *kind, **options) > 50
        file = io.BytesIO()
        Image.fromarray(image[:, :, 0].numpy()).save(file, *kind, **options)
        assert np.array_equal(np.array(Image.open(file).convert("L")), image[:, :, 0])


def test_other_data_are_refused():
    with pytest.raises(ValueError, match="--datasets digits-knn does not hold gray images; choose digits or"):
        circuits.main(CircuitsBench(datasets=("digits-knn",)))
