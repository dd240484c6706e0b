import json
import math
import os
import shutil
from hashlib import sha256

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from graphdistill.vqgraph.codes import CodeHead, find_meanings
from graphdistill.vqgraph.storage import FORMAT, load_codes, load_student, save_student
from graphdistill.vqgraph.student import VQGraphStudent
from tests.faults import fail_at, killed_at
from tests.hostile import grow, refused, reseal
from tests.kd.nodes.samples import rows, small

FILES = ["card.json", "codes.safetensors", "student.safetensors"]


def a_student(seed=0, **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        student = VQGraphStudent(9, 16, 3, **options)
        student(rows(20, 9))  # batch norm has seen something
        return student


def a_head(seed=0):
    data = small()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        linear = nn.Linear(16, 5)
    meanings = find_meanings(
        torch.arange(60) % 5, rows(60, 1)[:, 0], data.edge_index, data.y, num_codes=5, num_classes=3
    )
    return CodeHead(linear, meanings)


def bits(module):
    return {
        name: (tensor.dtype, tensor.shape, tensor.detach().view(-1).numpy().tobytes())
        for name, tensor in module.state_dict().items()
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("norm", [None, "batch_norm", "layer_norm"])
@pytest.mark.parametrize("num_layers", [1, 2, 4])
def test_a_student_comes_back_bit_for_bit(num_layers, norm, dtype, tmp_path):
    student = a_student(num_layers=num_layers, norm=norm, dropout=0.25).to(dtype)
    save_student(student, tmp_path)
    again = load_student(tmp_path)
    assert bits(again) == bits(student)
    assert again.config == student.config
    assert type(again) is VQGraphStudent
    x = rows(7, 9, dtype=dtype)
    assert torch.equal(again(x), student.eval()(x))
    again.train()(x).sum().backward()  # and it can be trained on


def test_it_comes_back_in_evaluation_mode(tmp_path):
    save_student(a_student().train(), tmp_path)
    again = load_student(tmp_path)
    assert not any(module.training for module in again.modules())


def test_loading_draws_no_random_numbers(tmp_path):
    save_student(a_student(), tmp_path, codes=a_head())
    before = torch.get_rng_state()
    load_student(tmp_path)
    load_codes(tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_codes_come_back_bit_for_bit(tmp_path):
    head = a_head()
    save_student(a_student(), tmp_path, codes=head)
    again = load_codes(tmp_path)
    assert bits(again) == bits(head)
    student, x = load_student(tmp_path), rows(4, 9)
    assert torch.equal(again(student, x), head(student, x))


def test_the_card_tells_what_it_is(tmp_path):
    facts = {"classes": ["a", "b", "c"], "teacher": "GCN", "seed": 3, "accuracy": 0.8}
    save_student(a_student(), tmp_path, card=facts)
    card = json.loads((tmp_path / "card.json").read_text(encoding="utf-8"))
    assert card["facts"] == facts
    assert (card["format"], card["parameters"], card["config"]) == (
        FORMAT,
        9 * 16 + 16 + 16 * 3 + 3,
        a_student().config,
    )
    assert card["versions"]["torch"] == torch.__version__


def test_the_weights_are_for_anybody_who_reads_safetensors(tmp_path):
    student = a_student()
    save_student(student, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card.json", "student.safetensors"]
    tensors = load_file(tmp_path / "student.safetensors")
    assert tensors.keys() == student.state_dict().keys()


def test_equal_students_give_equal_files(tmp_path):
    for name in ("one", "two"):
        save_student(a_student(), tmp_path / name, codes=a_head())
    assert [(tmp_path / "one" / f).read_bytes() for f in FILES] == [(tmp_path / "two" / f).read_bytes() for f in FILES]


def test_older_codes_do_not_pass_for_those_of_a_newer_student(tmp_path):
    save_student(a_student(0), tmp_path, codes=a_head())
    save_student(a_student(1), tmp_path)
    with pytest.raises(ValueError, match="holds a student without codes; give codes to save_student"):
        load_codes(tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_a_disk_that_is_full_leaves_nothing_half_written(name, tmp_path, monkeypatch):
    save_student(a_student(0), tmp_path / "old", codes=a_head(0))
    before = {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()}

    fail_at(name, monkeypatch)
    for folder in ("old", "new"):
        with pytest.raises(OSError, match="no space left"):
            save_student(a_student(1), tmp_path / folder, codes=a_head(1))
    assert {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_facts_that_json_cannot_hold_leave_nothing(tmp_path):
    with pytest.raises(TypeError, match="not JSON serializable"):
        save_student(a_student(), tmp_path / "new", card={"root": tmp_path})
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def saved(tmp_path):
    save_student(a_student(), tmp_path / "saved", codes=a_head())
    return tmp_path / "saved"


@pytest.mark.parametrize(("name", "load"), [(FILES[0], load_student), (FILES[1], load_codes), (FILES[2], load_student)])
def test_a_missing_file_is_named(name, load, saved):
    (saved / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{name} is missing; give the folder that save_student wrote"):
        load(saved)


@pytest.mark.parametrize(("name", "load"), [(FILES[1], load_codes), (FILES[2], load_student)])
@pytest.mark.parametrize("place", [0, 20, -1])
def test_one_bit_that_flipped_is_noticed(name, load, place, saved):
    data = bytearray((saved / name).read_bytes())
    data[place] ^= 1
    (saved / name).write_bytes(data)
    with pytest.raises(ValueError, match=rf"{name} does not match its card; the file is damaged, distil again"):
        load(saved)


def test_files_of_two_students_do_not_belong_together(saved, tmp_path):
    save_student(a_student(1), tmp_path / "other")
    shutil.copy(tmp_path / "other" / "student.safetensors", saved)
    with pytest.raises(ValueError, match="does not match its card"):
        load_student(saved)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"{}", b"[]", b'{"format": 1}'])
@pytest.mark.parametrize("load", [load_student, load_codes])
def test_a_damaged_card_is_an_error(load, text, saved):
    (saved / "card.json").write_bytes(text)
    with pytest.raises(ValueError, match=r"card\.json is damaged: .*; distil again"):
        load(saved)


def change(folder, **facts):
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    (folder / "card.json").write_text(json.dumps(card | facts), encoding="utf-8")


@pytest.mark.parametrize("load", [load_student, load_codes])
def test_a_layout_of_the_future_is_refused(load, saved):
    change(saved, format=FORMAT + 1)
    with pytest.raises(ValueError, match=rf"has layout {FORMAT + 1}, this version reads {FORMAT}; distil again"):
        load(saved)


@pytest.mark.parametrize(
    "config",
    [
        None,
        {},
        {"in_channels": 9, "hidden_channels": 17, "out_channels": 3},
        {"in_channels": 9, "hidden_channels": 16, "out_channels": 3, "num_layers": 3},
        {"in_channels": 9, "hidden_channels": 16, "out_channels": 0},
        {"in_channels": 9, "hidden_channels": "many", "out_channels": 3},
        {"in_channels": 9, "hidden_channels": 16, "out_channels": 3, "colour": "red"},
    ],
)
def test_a_card_with_other_sizes_is_an_error(config, saved):
    change(saved, config=config)
    with pytest.raises(ValueError, match=r"(?s)holds weights that do not fit its card: .*; distil again"):
        load_student(saved)


def test_codes_of_other_contents_are_an_error(saved):
    save_file({"linear.weight": torch.ones(5, 16), "linear.bias": torch.ones(5)}, saved / "codes.safetensors")
    change(saved, codes_sha256=sha256((saved / "codes.safetensors").read_bytes()).hexdigest())
    with pytest.raises(ValueError, match=r"codes\.safetensors is damaged: .*; distil again"):
        load_codes(saved)


GOOD = {"in_channels": 9, "hidden_channels": 16, "out_channels": 3}


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ({**GOOD, "num_layers": 20_000}, "num_layers must be at most 128, got 20000"),
        ({**GOOD, "hidden_channels": 10**9}, "hidden_channels must be at most 16777216, got 1000000000"),
        ({**GOOD, "hidden_channels": 2**24, "num_layers": 128}, "holds no 'lins.10.bias'"),
        ({**GOOD, "num_layers": True}, "num_layers must be a whole number, got True"),
        ({**GOOD, "in_channels": 9.0}, "in_channels must be a whole number, got 9.0"),
        ({**GOOD, "dropout": None}, "dropout must be from 0 to 1, got None"),
        ({**GOOD, "dropout": math.nan}, "dropout must be from 0 to 1, got nan"),
        ({**GOOD, "norm": "n" * 10**6}, "norm must be batch_norm"),
        ({**GOOD, "norm": ["batch_norm"]}, "norm must be batch_norm"),
        ({**GOOD, "x" * 10**6: 1}, "holds weights that do not fit its card"),
        ({**GOOD, "norm": "batch_norm"}, "holds no 'norms.0"),
    ],
    ids=lambda value: str(value)[-40:],
)
def test_students_of_any_size_are_refused_at_once(config, match, saved):
    change(saved, config=config)
    with refused(match, seconds=1 if config.get("num_layers") == 128 else 0.5):
        load_student(saved)


def replace_tensors(folder, name, key, **tensors):
    held = {**load_file(folder / name), **{n.replace("__", "."): t for n, t in tensors.items()}}
    save_file({n: t for n, t in held.items() if t is not None}, folder / name)
    reseal(folder, name, key)


@pytest.mark.parametrize(
    ("name", "tensor", "match"),
    [
        ("lins__0__weight", torch.full((16, 9), math.nan), r"holds nan in lins.0.weight at \[0, 0\]"),
        ("lins__1__bias", torch.tensor([0, math.inf, 0]), r"holds inf in lins.1.bias at \[1\]"),
        ("lins__1__bias", torch.zeros(4), r"holds lins.1.bias of float32 \[4\], expected float32 \[3\]"),
        ("lins__1__bias", torch.zeros(3, dtype=torch.float64), "holds lins.1.bias of float64"),
        ("lins__1__bias", torch.zeros(3).long(), "holds lins.1.bias of int64"),
        ("lins__1__bias", None, "holds no 'lins.1.bias'"),
        ("lins__2__bias", torch.zeros(3), "holds 'lins.2.bias', which is not expected"),
    ],
)
def test_weights_that_cannot_be_are_refused(name, tensor, match, saved):
    replace_tensors(saved, "student.safetensors", "sha256", **{name: tensor})
    with refused(match):
        load_student(saved)


def test_a_negative_variance_is_refused(tmp_path):
    save_student(a_student(norm="batch_norm"), tmp_path)
    replace_tensors(tmp_path, "student.safetensors", "sha256", norms__0__module__running_var=torch.full((16,), -1.0))
    with refused(r"holds -1.0 in norms.0.module.running_var"):
        load_student(tmp_path)


@pytest.mark.parametrize(
    ("name", "tensor", "match"),
    [
        ("linear__weight", torch.zeros(5, 17), "a head for a hidden layer of width 17, but the student's has 16"),
        ("linear__weight", torch.zeros(6, 16), r"holds linear.bias of float32 \[5\], expected float32 \[6\]"),
        ("linear__weight", torch.full((5, 16), math.nan), "holds nan in linear.weight"),
        ("members", torch.full((5,), -1), "holds -1 in members"),
        ("members", torch.zeros(5), "holds members of float32"),
        ("nearest", torch.full((5, 3), -2), "holds -2 in nearest"),
        ("nearest", torch.full((5, 3), 2**40), "holds 1099511627776 in nearest"),
        ("degree", torch.full((5,), math.nan), "holds nan in degree"),
        ("classes", torch.full((5, 3), 2.0), "holds 2.0 in classes, expected from 0 to 1"),
        ("classes", torch.zeros(5, 4), r"holds classes of float32 \[5, 4\], expected .* \[5, 3\]"),
        ("neighbours", None, "holds no 'neighbours'"),
        ("other", torch.ones(1), "holds 'other', which is not expected"),
    ],
)
def test_codes_that_cannot_be_are_refused(name, tensor, match, saved):
    replace_tensors(saved, "codes.safetensors", "codes_sha256", **{name: tensor})
    with refused(match):
        load_codes(saved)


@pytest.mark.parametrize(("name", "load"), [("student.safetensors", load_student), ("codes.safetensors", load_codes)])
def test_large_files_of_nothing_are_refused(name, load, saved):
    for size in (2**33, 2**31):
        grow(saved / name, size)
        with refused(f"{name} is (too large|damaged)"):
            load(saved)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a process that was forked")
def test_whatever_the_moment_of_a_kill_the_old_or_the_new_student_loads(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    pairs = [(a_student(seed), a_head(seed)) for seed in (0, 1)]
    old, new = [(bits(student), bits(head)) for student, head in pairs]
    number, found, killed = 0, [], True
    while killed:
        number += 1
        folder = tmp_path / str(number)
        save_student(pairs[0][0], folder, codes=pairs[0][1])
        killed = killed_at(number, lambda folder=folder: save_student(pairs[1][0], folder, codes=pairs[1][1]))
        again = bits(load_student(folder)), bits(load_codes(folder))
        assert again in (old, new)
        found.append(again == new)
    assert found == sorted(found)
    assert found[-1] > found[0]
