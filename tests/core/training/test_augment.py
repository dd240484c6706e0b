from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.core.training.augment import NO_AUGMENT, OPERATIONS, Augment, Draw
from tests.condense.samples import seeded
from tests.reference import shifted_naive

X = torch.rand(3, 2, 8, 8, generator=seeded())


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_draw_can_be_replayed_on_other_images(name: str) -> None:
    """Siamese: one draw does to each image what it does to it alone, whatever else is with it."""
    augment = Augment((name,))
    for seed in range(5):
        draw = augment.sample(seeded(seed))
        whole = augment.apply(draw, X)
        assert torch.equal(whole, augment.apply(draw, X))
        for i in range(3):
            torch.testing.assert_close(augment.apply(draw, X[i : i + 1]), whole[i : i + 1])


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_image_by_numbers_of_its_own(name: str) -> None:
    draw = Augment((name,)).sample(seeded(3), 3)
    whole = Augment().apply(draw, X)
    for i in range(3):
        torch.testing.assert_close(Augment().apply(Draw(name, draw.u[i : i + 1]), X[i : i + 1]), whole[i : i + 1])


@pytest.mark.parametrize("name", OPERATIONS)
def test_images_keep_their_shape_and_gradients_arrive(name: str) -> None:
    x = X[:, :1, :, :6].clone().requires_grad_()
    out = Augment().apply(Draw(name, torch.tensor([[0.8, 0.3]])), x)
    assert out.shape == x.shape
    (grad,) = torch.autograd.grad(out.square().sum(), x)
    assert float(grad.abs().sum()) > 0


@pytest.mark.parametrize("name", ["color", "scale", "rotate"])
def test_the_middle_of_the_range_changes_nothing(name: str) -> None:
    torch.testing.assert_close(Augment().apply(Draw(name, torch.full((1, 2), 0.5)), X), X, rtol=1e-5, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 0.999), st.floats(0, 0.999), st.integers(5, 17), st.integers(5, 17))
def test_crops_are_shifts_by_whole_pixels(u: float, v: float, height: int, width: int) -> None:
    image = torch.rand(1, 1, height, width, generator=seeded())
    out = Augment().apply(Draw("crop", torch.tensor([[u, v]])), image)[0]
    reach = [-(-height // 8), -(-width // 8)]
    found = [
        (i, j)
        for i in range(-reach[0], reach[0] + 1)
        for j in range(-reach[1], reach[1] + 1)
        if torch.allclose(out, shifted_naive(image[0], j, i), atol=1e-4)
    ]
    assert len(found) == 1


def test_all_shifts_happen() -> None:
    dot = torch.zeros(1, 1, 8, 8)
    dot[0, 0, 4, 4] = 1
    draw = seeded()
    places = {int(Augment(("crop",)).each(dot, draw).argmax()) for _ in range(200)}
    assert places == {8 * i + j for i in (3, 4, 5) for j in (3, 4, 5)}


def test_the_hole_is_a_square_of_half_the_side_or_what_lies_inside() -> None:
    draw = seeded()
    for _ in range(50):
        out = Augment(("cutout",)).each(torch.ones(4, 2, 8, 8), draw)
        for image in out:
            rows, columns = (image[0] == 0).any(dim=1).sum(), (image[0] == 0).any(dim=0).sum()
            assert 2 <= rows <= 4
            assert 2 <= columns <= 4
            assert int((image == 0).sum()) == 2 * int(rows * columns)


def test_color_keeps_the_order_of_pixels() -> None:
    out = Augment().apply(Draw("color", torch.tensor([[1.0, 0.0]])), X)
    mean = X.mean(dim=(1, 2, 3), keepdim=True)
    torch.testing.assert_close(out, (X - mean) * (1 - 0.5) + mean + 0.15)


def test_draws_are_by_the_generator_and_all_operations_come() -> None:
    one, other = ([Augment().sample(draw) for _ in range(40)] for draw in (seeded(1), seeded(1)))
    assert [d.name for d in one] == [d.name for d in other]
    assert all(torch.equal(a.u, b.u) for a, b in zip(one, other, strict=True))
    assert {d.name for d in one} == set(OPERATIONS)


def test_nothing_is_drawn_where_nothing_is_done() -> None:
    draw = seeded(4)
    assert NO_AUGMENT.each(X, draw) is X
    assert torch.equal(draw.get_state(), seeded(4).get_state())


def test_an_unknown_operation_is_named() -> None:
    with pytest.raises(ValueError, match="names holds 'flip'; choose from color, crop"):
        Augment(("flip",))


@pytest.mark.parametrize(
    ("names", "strengths"),
    [
        ("color", {"brightness": 0.0, "contrast": 0.0}),
        ("crop", {"shift": 0.0}),
        ("cutout", {"hole": 0.0}),
        ("scale", {"stretch": 1.0}),
        ("rotate", {"angle": 0.0}),
    ],
)
def test_without_strength_nothing_changes(names: str, strengths: dict[str, float]) -> None:
    out = Augment((names,), **strengths).each(X, seeded(2))
    torch.testing.assert_close(out, X, rtol=1e-5, atol=1e-6)


def test_strengths_are_the_largest_changes() -> None:
    ends = torch.tensor([[1.0, 1.0]])
    mean = X.mean(dim=(1, 2, 3), keepdim=True)
    out = Augment(brightness=0.2, contrast=0.1).apply(Draw("color", ends), X)
    torch.testing.assert_close(out, (X - mean) * 1.1 + mean + 0.2)
    hole = Augment(hole=0.25).apply(Draw("cutout", torch.tensor([[0.5, 0.5]])), torch.ones(1, 1, 8, 8))
    assert int((hole == 0).sum()) == 4
    quarter = Augment(angle=90).apply(Draw("rotate", ends), X)
    torch.testing.assert_close(quarter, X.rot90(1, (2, 3)), rtol=1e-4, atol=1e-5)
    double = Augment(stretch=2.0).apply(Draw("scale", ends), torch.ones(1, 1, 8, 8))
    assert int((double > 0.5).sum()) == 16
    dot = torch.zeros(1, 1, 8, 8)
    dot[0, 0, 4, 4] = 1
    draw = seeded()
    assert len({int(Augment(("crop",), shift=0.25).each(dot, draw).argmax()) for _ in range(400)}) == 25


@pytest.mark.parametrize(
    ("strengths", "message"),
    [
        ({"shift": 1.5}, "shift must be from 0 to 1, got 1.5"),
        ({"hole": -0.1}, "hole must be from 0 to 1, got -0.1"),
        ({"stretch": 0.5}, "stretch must be 1 or more, got 0.5"),
        ({"stretch": float("inf")}, "stretch must be 1 or more, got inf"),
        ({"angle": float("nan")}, "angle must be from 0 to 180, got nan"),
    ],
)
def test_a_strength_out_of_range_is_refused(strengths: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Augment(**strengths)


@pytest.mark.parametrize("name", OPERATIONS)
def test_images_stay_on_their_device(name: str) -> None:
    augment = Augment((name,))
    assert augment.each(X.to("meta"), seeded()).device.type == "meta"
    assert augment.apply(augment.sample(seeded()), X.to("meta")).shape == X.shape
