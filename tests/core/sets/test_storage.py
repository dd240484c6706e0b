import hashlib
import json
import shutil

import pytest
import torch
from safetensors.torch import save
from torch_geometric.data import Data

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.sets.storage import FORMAT, load_set, save_set
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights, soft_labels
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.graph_forest import graph_forest
from tests.faults import fail_at

FILES = ["card.json", "set.safetensors"]
DRAW = torch.Generator().manual_seed(0)
LABELS = {
    "hard": (torch.arange(12) % 3, "multiclass"),
    "one byte each": (soft_labels(torch.rand(12, 3, generator=DRAW).softmax(dim=1), "multiclass"), "multiclass"),
    "any floats": (torch.linspace(0.01, 0.97, 36).view(12, 3).softmax(dim=1), "multiclass"),
    "tasks": (torch.tensor([[0.0, 1.0, torch.nan]]).repeat(12, 1).roll(1, 0), "multilabel"),
    "soft tasks": (
        torch.where(torch.arange(36).view(12, 3) % 5 == 0, torch.nan, torch.rand(12, 3, generator=DRAW)),
        "multilabel",
    ),
}


def graphs(kind, edges):
    """Twelve directed graphs, one of them with a value that needs two bytes."""
    draw = torch.Generator().manual_seed(3)
    out = []
    for number in range(12):
        n = 3 + number % 4
        x = torch.randint(-1 if number else 300, 301, (n, 2), generator=draw)
        x = x if kind == "categorical" else torch.randn(n, 2, generator=draw)
        attr = torch.randint(2, (2 * n, 1), generator=draw) if edges else None
        out.append(Data(x=x, edge_index=torch.randint(n, (2, 2 * n), generator=draw), edge_attr=attr))
    return Graphs.from_data_list(out)


def data_of(kind):
    if kind == "rows":
        return torch.randn(5, 12, 2, generator=torch.Generator().manual_seed(0)).transpose(0, 1)
    if kind == "images":
        return torch.arange(12 * 8, dtype=torch.uint8).view(12, 1, 2, 4)
    words = kind.split()
    build = graph_forest if "real" in words else build_forest
    return build(graphs(words[0], "edges" in words), 2)


def a_set(labels="tasks", kind="categorical, edges", weight=None):
    y, task = LABELS[labels]
    weight = class_weights(y, task) if weight is None else weight
    kind = kind.replace(",", "")
    features = "categorical" if kind.startswith("categorical") else "continuous"
    meta = {"method": "test", "seed": 3, "seconds": 0.25, "supports": [[5, 4], [3]], "budget": None}
    return SyntheticSet(data_of(kind), y, weight, task, features, meta).as_stored()


def bits(tensor):
    return tensor.dtype, tensor.shape, tensor.contiguous().numpy().tobytes()


def everything(small):
    """Each tensor of a set, as its user sees it and as it is stored."""
    seen = {"y": small.y, "weight": small.weight}
    if isinstance(small.data, torch.Tensor):
        seen["data"] = small.data
    else:
        seen |= {"ptr": small.data.ptr, "tree": small.data.tree, "count": small.data.count}
        seen |= {f"ids {depth}": ids for depth, ids in enumerate(small.data.trees.ids())}
    stored = {f"stored {name}": tensor for name, tensor in small.payload().items()}
    return {name: bits(tensor) for name, tensor in (seen | stored).items()}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize(
    "kind",
    [
        "categorical",
        "categorical, edges",
        "continuous, edges",
        "categorical, real, edges",
        "continuous, real",
        "rows",
        "images",
    ],
)
def test_a_set_comes_back_bit_for_bit(kind, labels, weighted, tmp_path):
    small = a_set(labels, kind, torch.linspace(0, 3, 12) ** 0.5 if weighted else None)
    save_set(small, tmp_path)
    again = load_set(tmp_path)
    assert everything(again) == everything(small)
    assert (again.task, again.features, again.meta) == (small.task, small.features, small.meta)
    # Weights that are equal within each class follow from the labels.
    if isinstance(small.data, torch.Tensor):
        assert ("weight" in again.payload()) == weighted
    card = json.loads((tmp_path / "card.json").read_text(encoding="utf-8"))
    assert (card["entries"], card["payload_bytes"]) == (12, small.nbytes)


def test_equal_sets_give_equal_files(tmp_path):
    for name in ("one", "two"):
        save_set(a_set(), tmp_path / name)
    assert [(tmp_path / "one" / f).read_bytes() for f in FILES] == [(tmp_path / "two" / f).read_bytes() for f in FILES]


def test_the_files_hold_tensors_and_text_and_nothing_else(tmp_path):
    small = a_set()
    save_set(small, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    data = (tmp_path / "set.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    assert header.keys() == small.payload().keys()
    # The tensors lie back to back up to the last byte: there is no room for a pickle.
    spans = sorted(tuple(entry["data_offsets"]) for entry in header.values())
    assert [start for start, _ in spans] == [0, *(end for _, end in spans[:-1])]
    assert 8 + length + spans[-1][1] == len(data)
    assert spans[-1][1] == small.nbytes


def test_other_files_of_the_folder_stay_and_an_older_set_goes(tmp_path):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    save_set(a_set("hard"), tmp_path)
    save_set(a_set("tasks"), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card.json", "notes.txt", "set.safetensors"]
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert everything(load_set(tmp_path)) == everything(a_set("tasks"))


@pytest.mark.parametrize("name", FILES)
def test_a_disk_that_is_full_leaves_nothing_half_written(name, tmp_path, monkeypatch):
    save_set(a_set("hard"), tmp_path / "old")
    before = {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()}
    fail_at(name, monkeypatch)
    for folder in ("old", "new"):
        with pytest.raises(OSError, match="no space left"):
            save_set(a_set("tasks"), tmp_path / folder)
    assert {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_meta_that_json_cannot_hold_leaves_nothing(tmp_path):
    small = SyntheticSet(torch.rand(2, 3), torch.tensor([0, 1]), torch.ones(2), meta={"root": tmp_path})
    with pytest.raises(TypeError, match="not JSON serializable"):
        save_set(small, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "set").write_text("mine", encoding="utf-8")
    with pytest.raises(ValueError, match="set is not a folder"):
        save_set(a_set(), tmp_path / "set")
    assert (tmp_path / "set").read_text(encoding="utf-8") == "mine"


@pytest.fixture
def saved(tmp_path):
    save_set(a_set(), tmp_path / "saved")
    return tmp_path / "saved"


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name, saved):
    (saved / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{name} is missing; give the folder that save_set wrote"):
        load_set(saved)


def test_a_folder_without_a_set_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"card\.json is missing"):
        load_set(tmp_path / "nowhere")


@pytest.mark.parametrize("place", [0, 20, -1])
def test_one_bit_that_flipped_is_noticed(place, saved):
    data = bytearray((saved / "set.safetensors").read_bytes())
    data[place] ^= 1
    (saved / "set.safetensors").write_bytes(data)
    with pytest.raises(
        ValueError, match=r"set\.safetensors does not match its card; the file is damaged, distil again"
    ):
        load_set(saved)


def test_tensors_that_are_cut_short_are_noticed(saved):
    path = saved / "set.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="does not match its card"):
        load_set(saved)


def test_files_of_two_sets_do_not_belong_together(saved, tmp_path):
    save_set(a_set("hard"), tmp_path / "other")
    shutil.copy(tmp_path / "other" / "set.safetensors", saved)
    with pytest.raises(ValueError, match="does not match its card"):
        load_set(saved)
    shutil.copy(tmp_path / "other" / "card.json", saved)
    assert everything(load_set(saved)) == everything(a_set("hard"))


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"{}", b'{"format": 1}'])
def test_a_damaged_card_is_an_error(text, saved):
    (saved / "card.json").write_bytes(text)
    with pytest.raises(ValueError, match=r"card\.json is damaged: .*; distil again"):
        load_set(saved)


def test_a_layout_of_the_future_is_refused(saved):
    card = json.loads((saved / "card.json").read_text(encoding="utf-8"))
    (saved / "card.json").write_text(json.dumps({**card, "format": FORMAT + 1}), encoding="utf-8")
    with pytest.raises(ValueError, match=rf"has layout {FORMAT + 1}, this version reads {FORMAT}; distil again"):
        load_set(saved)


@pytest.mark.parametrize("data", [b"", b"not tensors at all", save({"y": torch.zeros(2)})[:-1]])
def test_a_card_for_what_is_no_safetensors_does_not_help(data, saved):
    card = json.loads((saved / "card.json").read_text(encoding="utf-8"))
    card["sha256"] = hashlib.sha256(data).hexdigest()
    (saved / "card.json").write_text(json.dumps(card), encoding="utf-8")
    (saved / "set.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match=r"set\.safetensors is damaged: .*; distil again"):
        load_set(saved)


def test_features_that_no_loader_would_take_back_are_refused(tmp_path):
    for value in (torch.nan, torch.inf):
        small = SyntheticSet(torch.tensor([[value], [0.3]]), torch.tensor([0, 1]), torch.ones(2))
        with pytest.raises(ValueError, match=r"the set holds (nan|inf) in features at \[0, 0\]"):
            save_set(small, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bits", [None, 1, 5])
def test_targets_of_regression_come_back(tmp_path, bits):
    ring = torch.tensor([[0, 1, 2], [1, 2, 0]])
    graphs = Graphs.from_data_list([Data(x=torch.tensor([[k], [1], [k % 3]]), edge_index=ring) for k in range(20)])
    y = 100 * torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
    y[::3, 1] = torch.nan
    small = SyntheticSet(graph_forest(graphs, 2), y, torch.full((20,), 1 / 20), "regression", "categorical")
    stored = small.as_stored(bits)
    save_set(stored, tmp_path)
    again = load_set(tmp_path)
    assert (again.task, again.nbytes) == ("regression", stored.nbytes)
    assert torch.equal(again.y.nan_to_num(7), stored.y.nan_to_num(7))
    assert torch.equal(again.weight, stored.weight)
    assert ("y" in again.payload()) == (bits is None)
    assert (again.payload()["graphs"][0] >> 4) == (1 if bits is None else 2)
