from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.core.data.datasets import TableDataset
from graphdistill.generate.space import GraphSpace, ImageSpace, Space, entries_of
from tests.generate.samples import images
from tests.kd.samples import nodes, texts

FLOATS = st.floats(-100, 100, width=32)


@given(st.lists(FLOATS, min_size=4, max_size=4), FLOATS, st.floats(0.125, 50, width=32))
def test_encoding_is_undone(values, mean, deviation):
    space = Space((2,), torch.tensor(mean), torch.tensor(deviation))
    x = torch.tensor(values).view(2, 2)
    torch.testing.assert_close(space.values(space.encode(x)), x, rtol=1e-4, atol=1e-4)
    small = space.decode(space.encode(x), torch.tensor([1, 0]))
    torch.testing.assert_close(small.data, x, rtol=1e-4, atol=1e-4)
    assert small.y.tolist() == [1, 0]


def test_images_are_scaled_as_a_whole_and_come_back_to_the_bit_of_a_pixel():
    data = images()
    entries = entries_of(data)
    z, y = entries.split("train")
    assert float(z.mean()) == pytest.approx(0, abs=1e-5)
    assert float(z.std()) == pytest.approx(0.5, rel=1e-4)
    assert torch.equal(y, data.y[data.train])
    assert (entries.kind, entries.num_classes, entries.shape) == ("images", 3, (1, 4, 4))
    pixels = (data.images * 255).round() / 255
    assert torch.equal(entries.space.decode(entries.space.encode(pixels), data.y).data, pixels)
    # What lies outside is brought back.
    far = entries.space.values(torch.tensor([-99.0, 99.0]))
    assert far.tolist() == [0.0, 1.0]


def test_other_splits_do_not_move_the_scale():
    data = images()
    other = data.images.clone()
    other[data.test] = 0.0
    other[data.valid] = 1.0
    one, two = (entries_of(d).space for d in (data, replace(data, images=other)))
    assert torch.equal(one.mean, two.mean)
    assert torch.equal(one.deviation, two.deviation)


def test_images_of_double_precision_are_read_as_floats():
    data = images()
    wide = entries_of(replace(data, images=data.images.double()))
    assert wide.z.dtype == wide.space.mean.dtype == torch.float32
    torch.testing.assert_close(wide.z, entries_of(data).z)


def table():
    x = torch.randn(30, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 5.0, 0.0])
    place = torch.arange(30)
    return TableDataset("own", x, place % 2, place[:20], place[20:25], place[25:], columns=("a", "b", "c"))


def test_columns_of_a_table_are_scaled_each_and_a_constant_one_stays():
    entries = entries_of(table())
    deviations = entries.split("train")[0].std(dim=0)
    torch.testing.assert_close(deviations, torch.tensor([0.5, 0.5, 0.0]))
    assert (entries.kind, entries.shape) == ("rows", (3,))
    rows = entries.space.values(entries.z)
    assert torch.equal(rows, (table().x * 32).round() / 32)
    assert torch.equal(entries.drawn(entries.z, entries.y).data, rows)


def test_vectors_without_their_graphs_are_not_decoded():
    space = GraphSpace((2,), torch.zeros(2), torch.ones(2))
    with pytest.raises(ValueError, match=r"vectors are decoded as graphs of the data; give load_generator\(folder, da"):
        space.decode(torch.zeros(1, 2), torch.tensor([0]))


@pytest.mark.parametrize("data", [nodes, texts])
def test_other_data_are_refused(data):
    message = f"--dataset {data().name} holds {data().ENTRIES} .* choose images, a table or graphs with a class each"
    with pytest.raises(ValueError, match=message):
        entries_of(data())


def test_images_of_one_colour_are_refused():
    data = replace(images(), images=torch.full((30, 1, 4, 4), 0.5))
    with pytest.raises(ValueError, match="--dataset rows has training images of one colour alone; choose other images"):
        entries_of(data)


def test_a_space_keeps_what_it_was_given():
    mean = torch.tensor(1.0)
    space = ImageSpace((1, 4, 4), mean)
    mean.zero_()
    assert float(space.mean) == 1
