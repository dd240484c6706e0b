from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from graphdistill import load
from graphdistill.core.data.datasets import ImageDataset


def write(path: Path, value: int, size: tuple[int, int] = (8, 8), mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = value if mode == "L" else (value, 0, 255 - value)
    Image.new(mode, size[::-1], colour).save(path)


def folder(root: Path, parts: tuple[str, ...] = ("",), count: int = 10) -> Path:
    for part in parts:
        for name, value in (("cat", 40), ("dog", 200)):
            for number in range(count):
                write(root / "pets" / part / name / f"{number:02}.png", value + number)
    return root / "pets"


def test_a_folder_a_class_is_split_by_class(tmp_path: Path) -> None:
    data = load(folder(tmp_path))
    assert isinstance(data, ImageDataset)
    assert (data.name, tuple(data.images.shape), data.y.tolist()) == ("pets", (20, 1, 8, 8), [0] * 10 + [1] * 10)
    assert [len(index) for index in data.splits.values()] == [16, 2, 2]
    assert torch.equal(data.images[11], torch.full((1, 8, 8), 201 / 255))
    assert data.notes == "pets, stratified 80/10/10 split of seed 0; classes: 0 cat, 1 dog"


@pytest.mark.parametrize("valid", ["val", "valid", "validation"])
def test_folders_for_the_split_are_the_split(valid: str, tmp_path: Path) -> None:
    data = load(folder(tmp_path, ("train", valid, "test"), 3))
    assert [data.y[index].tolist() for index in data.splits.values()] == [[0] * 3 + [1] * 3] * 3
    assert len({int(i) for index in data.splits.values() for i in index}) == 18


def test_without_one_for_validation_it_comes_from_train(tmp_path: Path) -> None:
    data = load(folder(tmp_path, ("train", "test")))
    assert [len(index) for index in data.splits.values()] == [18, 2, 20]
    held = {int(i) for i in data.splits["test"]}
    assert not held & {int(i) for part in ("train", "valid") for i in data.splits[part]}
    again, other = (load(tmp_path / "pets", seed=seed) for seed in (0, 1))
    assert torch.equal(again.splits["valid"], data.splits["valid"])
    assert not torch.equal(other.splits["valid"], data.splits["valid"])


def test_one_image_in_colour_makes_all_three_channels(tmp_path: Path) -> None:
    path = folder(tmp_path)
    write(path / "dog" / "99.jpg", 100, mode="RGB")
    data = load(path)
    assert tuple(data.images.shape) == (21, 3, 8, 8)
    assert torch.equal(data.images[0], torch.full((3, 8, 8), 40 / 255))
    want = np.asarray(Image.open(path / "dog" / "99.jpg"), dtype=np.float32).transpose(2, 0, 1) / 255
    torch.testing.assert_close(data.images[20], torch.from_numpy(want))


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    path = folder(tmp_path)
    write(path / "dog" / "wide.png", 1, (8, 9))
    with pytest.raises(ValueError, match=r"cat/00\.png is 8 x 8, .*dog/wide\.png is 8 x 9; resize all to the same"):
        load(path)
    (path / "dog" / "wide.png").write_bytes(b"no image")
    with pytest.raises(OSError, match=r"wide\.png is damaged or no image .*; replace or remove it"):
        load(path)
    (path / "dog" / "wide.png").unlink()
    (path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"pets/empty holds no images \(\.bmp, .*\); add some or remove the folder"):
        load(path)
    (path / "empty").rmdir()
    write(path / "loose.png", 1)
    with pytest.raises(ValueError, match=r"loose\.png lies in no class folder; give .*pets/CLASS/loose\.png"):
        load(path)


def test_a_split_needs_train_and_test_and_two_classes(tmp_path: Path) -> None:
    path = folder(tmp_path, ("train", "val"), 2)
    with pytest.raises(ValueError, match=r"pets holds train, val; a split needs the folders train and test"):
        load(path)
    alone = tmp_path / "alone"
    write(alone / "cat" / "a.png", 3)
    with pytest.raises(ValueError, match="alone has images of 1 classes; give a folder of images for each of two"):
        load(alone)
