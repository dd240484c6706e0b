import json
import shutil
from dataclasses import replace

import pytest
import torch

from graphdistill.core.sets.storage import write_tensors
from graphdistill.generate import load_generator, save_generator
from graphdistill.generate.generator import Generator, Step
from graphdistill.generate.networks import NetworkConfig
from graphdistill.generate.noise import NoiseSchedule
from graphdistill.generate.space import Space, entries_of
from graphdistill.generate.storage import (
    FILE,
    FORMAT,
    as_stored,
    card_facts,
    load_tensors,
    stored_bytes,
    stored_tensors,
)
from tests.faults import fail_at
from tests.generate.samples import denoiser, images, made_generator, two_moons
from tests.hostile import edit_card, edit_header, grow, header_of, refused, reseal, write_file
from tests.kd.samples import molecules

SEED = torch.Generator().manual_seed
FILES = ["card.json", FILE]
LABELS = torch.tensor([0, 2, 1])


def routed():
    """A generator that uses all that a card may say."""
    entries = entries_of(images())
    mixer = NetworkConfig(network="mixer", width=8, depth=1)
    models = [
        denoiser(entries.shape, seed=0, boundary=0.25, schedule=NoiseSchedule(sigma_max=3.0)),
        denoiser(entries.shape, seed=1, config=mixer),
    ]
    steps = [Step(sigma=2.0, move="ode", guidance=1.5), Step(sigma=0.5, embedded=True, guidance=2.0)]
    return as_stored(Generator(models, steps, entries.space, route=[0, 1, 1]).eval())


def test_tensors_are_sent_in_16_bits_and_draw_the_same_bits():
    made, blank = routed(), routed()
    for value in blank.models.parameters():
        value.data.zero_()
    sent = stored_tensors(made)
    assert {value.dtype for name, value in sent.items() if name.startswith("models.")} == {torch.float16}
    drawn = [g.sample(LABELS, generator=SEED(0)) for g in (made, load_tensors(blank, sent))]
    assert torch.equal(drawn[0].data, drawn[1].data)


@pytest.mark.parametrize("make", [made_generator, routed])
def test_a_loaded_generator_draws_the_same_bits(make, tmp_path):
    made = make()
    torch.manual_seed(0)
    save_generator(made, tmp_path / "one", card={"dataset": "rows"})
    before = torch.get_rng_state()
    again = load_generator(tmp_path / "one")
    assert torch.equal(torch.get_rng_state(), before)
    drawn = [g.sample(LABELS, generator=SEED(0)) for g in (made, again)]
    assert torch.equal(drawn[0].data, drawn[1].data)
    assert (again.steps, again.route, again.evaluations) == (made.steps, made.route, made.evaluations)
    for mine, theirs in zip(made.models, again.models, strict=True):
        assert (mine.schedule, mine.boundary, mine.shape) == (theirs.schedule, theirs.boundary, theirs.shape)
        assert mine.network.config == theirs.network.config
    assert type(again.space) is type(made.space)
    assert not again.training
    assert all(weight.requires_grad for weight in again.parameters())
    assert card_facts(tmp_path / "one") == {"dataset": "rows"}
    # It can be saved again, to the same bytes, and the tensors are as large as its card says.
    save_generator(again, tmp_path / "two", card={"dataset": "rows"})
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert len(header_of(tmp_path / "one" / FILE)[1]) == stored_bytes(made)


def test_vectors_of_graphs_are_decoded_as_the_graphs_that_they_were_made_of(tmp_path):
    data = molecules()
    space = entries_of(data).space
    made = made_generator(space.shape, 2, space=space)
    save_generator(made, tmp_path)
    again, alone = load_generator(tmp_path, data), load_generator(tmp_path)
    y = torch.tensor([0, 1, 1])
    drawn = [g.draw(y, generator=SEED(0)) for g in (made, again, alone)]
    assert torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn[0], drawn[2])
    assert torch.equal(again.space.nearest(drawn[0], y), space.nearest(drawn[0], y))
    with pytest.raises(ValueError, match=r"give load_generator\(folder, data="):
        alone.sample(y, generator=SEED(0))
    for other in (replace(data, train=data.train[1:]), images()):
        with pytest.raises(ValueError, match=f"{other.name} does not have the graphs that the generator in"):
            load_generator(tmp_path, other)


def test_what_cannot_be_saved_is_refused_and_nothing_is_written(tmp_path):
    model = denoiser()
    with pytest.raises(ValueError, match=r"weights models\.0\..* need more than 16 bits; call as_stored first"):
        save_generator(Generator(model, [Step(sigma=1.0)]), tmp_path / "out")
    with pytest.raises(ValueError, match="_Components cannot be saved; build networks with NetworkConfig"):
        save_generator(Generator(two_moons(), [Step(sigma=1.0)]), tmp_path / "out")

    class Own(Space):
        pass

    with pytest.raises(ValueError, match="Own cannot be saved; give the space of entries_of"):
        save_generator(made_generator(space=Own((2,))), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FILES)
def test_a_disk_that_is_full_leaves_nothing_half_written(name, tmp_path, monkeypatch):
    save_generator(made_generator(), tmp_path / "old")
    before = {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()}
    fail_at(name, monkeypatch)
    for folder in ("old", "new"):
        with pytest.raises(OSError, match="no space left"):
            save_generator(made_generator(seed=1), tmp_path / folder)
    assert {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


@pytest.fixture
def saved(tmp_path):
    save_generator(made_generator(), tmp_path / "saved")
    return tmp_path / "saved"


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name, saved):
    (saved / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{name} is missing; give the folder that save_generator wrote"):
        load_generator(saved)


@pytest.mark.parametrize("place", [0, 20, -1])
def test_one_bit_that_flipped_is_noticed(place, saved):
    data = bytearray((saved / FILE).read_bytes())
    data[place] ^= 1
    (saved / FILE).write_bytes(data)
    with refused(r"generator\.safetensors does not match its card; the file is damaged, distil again"):
        load_generator(saved)


def test_files_of_two_generators_do_not_belong_together(saved, tmp_path):
    save_generator(made_generator(seed=1), tmp_path / "other")
    shutil.copy(tmp_path / "other" / FILE, saved)
    with refused("does not match its card"):
        load_generator(saved)


def test_a_file_that_is_cut_short_is_refused(saved):
    path = saved / FILE
    path.write_bytes(path.read_bytes()[:-1])
    reseal(saved, FILE)
    with refused("but its header declares"):
        load_generator(saved)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"{}", b'{"format": 1}'])
def test_a_damaged_card_is_refused(text, saved):
    (saved / "card.json").write_bytes(text)
    for read in (load_generator, card_facts):
        with refused(r"card\.json is damaged: .*; distil again"):
            read(saved)


def test_a_layout_of_the_future_is_refused(saved):
    edit_card(saved, format=FORMAT + 1)
    with refused(rf"has layout {FORMAT + 1}, this version reads {FORMAT}; distil again"):
        load_generator(saved)


def changed(*path):
    """A change of one fact of a card, deep inside."""

    def change(card, value):
        *above, last = path
        for name in above:
            card = card[name]
        if value is KeyError:
            del card[last]
        else:
            card[last] = value

    return change


NETWORK, STEP = ("models", 0, "network"), ("steps", 0)
HUGE = 10**4000
HOSTILE = [
    ((*NETWORK, "width"), 1 << 16, "is damaged: it holds models"),
    ((*NETWORK, "width"), 1 << 17, "a size is not between 1 and 65,536"),
    ((*NETWORK, "width"), HUGE, "a size is not between"),
    ((*NETWORK, "width"), -1, "a size is not between"),
    ((*NETWORK, "width"), 8.0, "a size is not between"),
    ((*NETWORK, "width"), True, "a size is not between"),
    ((*NETWORK, "depth"), 256, "is damaged: it holds no 'models"),
    ((*NETWORK, "depth"), 1 << 16, "its networks have more than 256 blocks"),
    ((*NETWORK, "network"), "unet\n" * 9999, "network must be mlp or mixer"),
    ((*NETWORK, "network"), "mixer", r"a mixer takes images \[channels, height, width\]"),
    ((*NETWORK, "more\n"), 1, "unexpected keyword argument"),
    ((*NETWORK, "patch"), KeyError, "patch"),
    (("classes",), 1 << 16, "is damaged: it holds models"),
    (("classes",), 0, "a size is not between"),
    (("shape",), [1 << 16] * 9, "entries have more than 16,777,216 numbers"),
    (("shape",), [1 << 12] * 2, "is damaged: it holds models"),
    (("shape",), [], "is damaged: it holds models"),
    (("shape",), [[2]], "a size is not between"),
    (("models",), [], "a size is not between"),
    (("models",), [3], "describes no generator"),
    (("models", 0, "boundary"), float("nan"), "boundary must be 0 or more and finite, got nan"),
    (("models", 0, "boundary"), "deep", "describes no generator"),
    (("models", 0, "schedule", "rho"), float("inf"), "rho must be 1 to 100, got inf"),
    (("models", 0, "schedule", "sigma_max"), HUGE, "describes no generator"),
    (("models", 0, "schedule", "sigma_max"), "10", "describes no generator"),
    (("steps",), [], "a size is not between"),
    ((*STEP, "sigma"), float("nan"), "sigma must be above 0 and finite, got nan"),
    ((*STEP, "sigma"), HUGE, "describes no generator"),
    ((*STEP, "sigma"), None, "describes no generator"),
    ((*STEP, "guidance"), float("inf"), "guidance must be finite, got inf"),
    ((*STEP, "move"), ["noise"], "move must be noise or ode"),
    ((*STEP, "model"), 0.5, "a number of a network is no integer"),
    ((*STEP, "model"), 1, "steps and route may name denoisers from 0 to 0, got 1"),
    (("route",), [0.0, 0.0, 0.0], "a number of a network is no integer"),
    (("route",), [0], "route must name a denoiser for each of 3 classes"),
    (("space", "kind"), "pickle", "describes no generator, .*pickle"),
    (("space", "kind"), ["rows"], "describes no generator"),
    (("space", "mean"), [1 << 40], "the mean has another shape than entries"),
    (("space", "mean"), [2], "is damaged: it holds space"),
    (("facts",), [], r"facts is \[\], expected dict"),
    (("sha256",), 3, "sha256 is 3, expected str"),
]


@pytest.mark.parametrize(("path", "value", "message"), HOSTILE, ids=lambda value: str(value)[:40].strip())
def test_a_card_that_asks_for_too_much_or_for_nonsense_is_refused_before_memory_is_taken(path, value, message, saved):
    card = json.loads((saved / "card.json").read_text(encoding="utf-8"))
    changed(*path)(card, value)
    (saved / "card.json").write_text(json.dumps(card), encoding="utf-8")
    with refused(message):
        load_generator(saved)


def test_many_networks_are_refused(saved):
    card = json.loads((saved / "card.json").read_text(encoding="utf-8"))
    edit_card(saved, models=card["models"] * 1000)
    with refused("its networks have more than 256 blocks"):
        load_generator(saved)


def test_a_file_of_zeros_as_large_as_the_card_says_is_refused(saved):
    """A file without room on the disk that declares what the card asks for."""
    card = json.loads((saved / "card.json").read_text(encoding="utf-8"))
    card["models"][0]["network"]["width"] = 1 << 16
    (saved / "card.json").write_text(json.dumps(card), encoding="utf-8")
    edit_header(saved / FILE, lambda header: None)
    grow(saved / FILE, 5 << 30)
    with refused("is too large: 5,368,709,120 bytes"):
        load_generator(saved)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("models.0.network.last.weight", float("nan"), r"holds nan in models\.0\.network\.last\.weight at \[0, 0\]"),
        ("models.0.network.last.weight", float("inf"), r"holds inf in models\.0\.network\.last\.weight"),
        ("space.mean", float("nan"), r"holds nan in space\.mean"),
        ("space.deviation", 0.0, r"holds a space\.deviation of 0 or less"),
    ],
)
def test_weights_that_are_not_finite_are_refused(name, value, message, saved):
    made = load_generator(saved)
    tensors = {key: v.half() if key.startswith("models.") else v for key, v in made.state_dict().items()}
    tensors = {key: v.detach().clone() for key, v in tensors.items()}
    tensors[name].view(-1)[0] = value
    write_tensors(saved / FILE, tensors)
    reseal(saved, FILE)
    with refused(rf"{FILE} is damaged: it {message}.*; distil again"):
        load_generator(saved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("space.mean"), "holds no 'space.mean'"),
        (lambda tensors: tensors.update(more=torch.zeros(1)), "holds 'more', which is not expected"),
        (
            lambda tensors: tensors.update({"models.0.network.last.bias": torch.zeros(3).half()}),
            r"holds models\.0\.network\.last\.bias of float16 \[3\], expected float16 \[2\]",
        ),
        (
            lambda tensors: tensors.update({"models.0.network.last.bias": torch.zeros(2)}),
            r"holds models\.0\.network\.last\.bias of float32 \[2\], expected float16 \[2\]",
        ),
    ],
)
def test_other_tensors_are_refused(change, message, saved):
    made = load_generator(saved)
    tensors = {name: v.detach().half() if "models." in name else v for name, v in made.state_dict().items()}
    change(tensors)
    write_tensors(saved / FILE, tensors)
    reseal(saved, FILE)
    with refused(message):
        load_generator(saved)


def test_a_header_that_is_no_header_is_refused(saved):
    write_file(saved / FILE, b"[" * 100_000)
    reseal(saved, FILE)
    with refused(r"the header of .* is damaged: it is nested too deep"):
        load_generator(saved)
