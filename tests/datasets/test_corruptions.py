import numpy as np
import pytest
import torch
from matplotlib.colors import rgb_to_hsv
from sklearn.datasets import load_sample_images

from graphdistill.datasets._corruptions import KINDS, corrupt


@pytest.fixture(scope="module")
def photographs():
    """Tiles of scikit-learn's two photographs, ``[24, 3, 32, 32]``."""
    pixels = torch.from_numpy(np.stack(load_sample_images().images)).permute(0, 3, 1, 2).float() / 255
    small = torch.nn.functional.interpolate(pixels, (96, 128), mode="area")
    return small.unfold(2, 32, 32).unfold(3, 32, 32).permute(0, 2, 3, 1, 4, 5).reshape(-1, 3, 32, 32)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_kinds_are_those_of_the_paper():
    assert len(KINDS) == 19
    assert {"gaussian noise", "frost", "jpeg compression", "spatter"} <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_corruption_grows_with_severity_and_is_the_same_by_seed(kind, photographs):
    before = photographs.clone()
    distances = []
    for severity in range(1, 6):
        bad = corrupt(photographs, kind, severity, seeded())
        assert (bad.shape, bad.dtype) == (photographs.shape, torch.float32)
        assert 0 <= bad.min() <= bad.max() <= 1
        assert torch.equal(bad, corrupt(photographs, kind, severity, seeded()))
        distances.append(float((bad - photographs).square().mean()))
    assert torch.equal(before, photographs)
    assert distances == sorted(distances)
    assert distances[4] > 1.5 * distances[0] > 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(8, 8), (16, 24), (96, 96)])
def test_other_sizes_and_black_and_white_images_will_do(kind, size):
    x = torch.stack([torch.full((3, *size), shade) for shade in (0.0, 0.5, 1.0)])
    bad = corrupt(x, kind, 5, seeded())
    assert bad.shape == x.shape
    assert bad.isfinite().all()


CERTAIN = ("defocus blur", "zoom blur", "gaussian blur", "brightness", "contrast", "saturate", "pixelate")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_drawn_is_drawn_for_each_image_by_the_generator(kind, photographs):
    twice = photographs[:1].repeat(2, 1, 1, 1)
    bad = corrupt(twice, kind, 3, seeded())
    drawn = kind not in (*CERTAIN, "jpeg compression")
    assert torch.equal(bad[0], bad[1]) != drawn
    assert torch.equal(bad, corrupt(twice, kind, 3, seeded(1))) != drawn


def test_noise_is_of_its_law():
    grey = torch.full((4, 3, 64, 64), 0.5)
    for kind, variance in (
        ("gaussian noise", 0.06**2),
        ("shot noise", 0.5 / 120),
        ("speckle noise", (0.5 * 0.13) ** 2),
        ("impulse noise", 0.03 * 0.25),
    ):
        bad = corrupt(grey, kind, 2, seeded())
        assert abs(float(bad.mean()) - 0.5) < 0.005, kind
        assert float(bad.var()) == pytest.approx(variance, rel=0.05), kind
    assert set(corrupt(grey, "impulse noise", 5, seeded()).unique().tolist()) == {0.0, 0.5, 1.0}


def test_blurs_spread_a_point_as_far_as_they_say():
    point = torch.zeros(1, 3, 33, 33)
    point[..., 16, 16] = 1
    place = torch.arange(33.0) - 16
    for kind, spread in (("gaussian blur", 0.055 * 33), ("defocus blur", 0.075 * 33 / 2)):
        bad = corrupt(point, kind, 5, seeded())[0, 0]
        assert float(bad.sum()) == pytest.approx(1, abs=1e-4)
        assert float((bad.sum(dim=1) * place.square()).sum().sqrt()) == pytest.approx(spread, rel=0.15), kind
    smear = corrupt(point, "motion blur", 5, seeded())[0, 0].nonzero().float() - 16
    assert 0.7 * 0.32 * 33 / 2 < float(smear.norm(dim=1).max()) < 1.5 * 0.32 * 33 / 2
    # On a line: of the two main axes of the points one is a pixel or so wide.
    assert torch.linalg.svdvals(smear)[1] / len(smear) ** 0.5 < 1
    zoomed = corrupt(point, "zoom blur", 5, seeded())[0, 0]
    assert zoomed.argmax() == 16 * 33 + 16


def test_colours_change_as_in_hue_saturation_and_value(photographs):
    before = rgb_to_hsv(photographs.permute(0, 2, 3, 1).numpy())
    after = rgb_to_hsv(corrupt(photographs, "brightness", 3, seeded()).permute(0, 2, 3, 1).numpy())
    np.testing.assert_allclose(after[..., 2], (before[..., 2] + 0.22).clip(max=1), atol=1e-5)
    np.testing.assert_allclose(after[..., 1], before[..., 1], atol=1e-4)
    after = rgb_to_hsv(corrupt(photographs, "saturate", 2, seeded()).permute(0, 2, 3, 1).numpy())
    np.testing.assert_allclose(after[..., 2], before[..., 2], atol=1e-5)
    np.testing.assert_allclose(after[..., 1], 0.3 * before[..., 1], atol=1e-4)
    flat = corrupt(photographs, "contrast", 5, seeded())
    assert torch.allclose(flat.mean(dim=(2, 3)), photographs.mean(dim=(2, 3)), atol=1e-5)
    assert torch.allclose(flat.std(dim=(2, 3)), 0.18 * photographs.std(dim=(2, 3)), atol=1e-5)


def test_pixels_of_a_pixelated_image_are_few(photographs):
    counts = [len(image.flatten(1).T.unique(dim=0)) for image in corrupt(photographs, "pixelate", 5, seeded())]
    assert max(counts) <= round(32 * 0.3) ** 2


def test_weather_leaves_its_colour():
    dark = torch.full((40, 3, 32, 32), 0.2)
    for kind in ("snow", "fog", "frost"):
        assert corrupt(dark, kind, 4, seeded()).mean() > 0.25, kind
    frost = corrupt(dark, "frost", 4, seeded()).mean(dim=(0, 2, 3))
    assert frost[2] > frost[0]
    spatter = corrupt(torch.full((40, 3, 32, 32), 0.5), "spatter", 4, seeded())
    means = spatter.mean(dim=(1, 2, 3))
    assert means.min() < 0.48
    assert means.max() > 0.52


def test_errors_name_the_argument_and_the_choices():
    x = torch.zeros(1, 3, 8, 8)
    with pytest.raises(ValueError, match="kind 'rust' is unknown; choose from gaussian noise, shot noise"):
        corrupt(x, "rust", 1, seeded())
    for severity in (0, 6):
        with pytest.raises(ValueError, match=f"severity must be from 1 to 5, got {severity}"):
            corrupt(x, "fog", severity, seeded())
    for shape in ((1, 1, 8, 8), (3, 8, 8)):
        with pytest.raises(ValueError, match="give colour images"):
            corrupt(torch.zeros(shape), "fog", 1, seeded())
