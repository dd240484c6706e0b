import sys
import types

import pytest
import torch

from fed import client_app, server_app
from fed.config import FedConfig
from fed.data import images, molecules
from fed.data.partitioner import divide, use_partitioner
from fed.runtime.in_process import run_in_process
from tests.fed.samples import toy


class Table(dict):
    """A stand-in for a table of the package ``datasets``."""

    @classmethod
    def from_dict(cls, columns):
        return cls(columns)

    def select(self, rows):
        return Table({name: [column[row] for row in rows] for name, column in self.items()})


class Fake:
    """A stand-in for flwr-datasets' base class, which takes a data set once."""

    def __init__(self, clients, owner=None):
        self.num_partitions, self.owner, self._dataset = clients, owner, None

    def is_dataset_assigned(self):
        return self._dataset is not None

    @property
    def dataset(self):
        return self._dataset

    @dataset.setter
    def dataset(self, value):
        if self._dataset is not None:
            raise ValueError("The dataset should be assigned only once to the partitioner.")
        assert isinstance(value, Table)
        self._dataset = value

    def load_partition(self, partition_id):
        owner = self.owner or (lambda label, domain, entry, clients: label % clients)
        rows = zip(*(self.dataset[name] for name in ("label", "domain", "entry")), strict=True)
        mine = [place for place, row in enumerate(rows) if partition_id == owner(*row, self.num_partitions)]
        return self.dataset.select(mine)


@pytest.fixture(autouse=True)
def package(monkeypatch):
    """The package ``datasets``, whether it is installed or not."""
    monkeypatch.setitem(sys.modules, "datasets", types.SimpleNamespace(Dataset=Table))
    images.parts.cache_clear()
    yield
    images.parts.cache_clear()


def seeded():
    return torch.Generator().manual_seed(0)


LABEL = [torch.tensor([0, 1, 0, 1, 2]), torch.tensor([1, 0, 2]), torch.tensor([2, 1, 0, 0])]
"""Classes of five, three and four entries."""
DOMAIN = [torch.zeros_like(label) for label in LABEL]


def test_all_splits_are_divided_alike_and_every_entry_has_one_owner():
    with use_partitioner(Fake(2)):
        train, valid, test = divide(LABEL, DOMAIN, 2, seeded())
    assert [part.tolist() for part in train] == [[0, 2, 4], [1, 3]]
    assert [part.tolist() for part in valid] == [[1, 2], [0]]
    assert [part.tolist() for part in test] == [[0, 2, 3], [1]]


def test_it_may_divide_by_the_set_and_may_be_used_twice():
    domain = [torch.tensor([0, 1, 1, 0, 1]), torch.tensor([1, 0, 0]), torch.tensor([0, 1, 0, 1])]
    with use_partitioner(Fake(2, lambda label, domain, entry, clients: domain)):
        first, again = (divide(LABEL, domain, 2, seeded()) for _ in range(2))
    assert [part.tolist() for part in first[0]] == [[0, 3], [1, 2, 4]]
    assert [[p.tolist() for p in split] for split in first] == [[p.tolist() for p in split] for split in again]


def test_rows_come_in_a_random_order_by_the_seed():
    seen = []

    class Ordered(Fake):
        def load_partition(self, partition_id):
            seen.append(list(self.dataset["entry"]))
            return super().load_partition(partition_id)

    with use_partitioner(Ordered(2)):
        divide(LABEL, DOMAIN, 2, seeded())
        divide(LABEL, DOMAIN, 2, seeded())
    assert seen[0] == seen[2] != sorted(seen[0]) == list(range(12))


def test_entries_may_be_left_out():
    with use_partitioner(Fake(2, lambda label, domain, entry, clients: min(entry % 3, 2))):
        parts = divide(LABEL, DOMAIN, 2, seeded())
    assert [sum(map(len, split)) for split in parts] == [4, 2, 2]


@pytest.mark.parametrize(
    ("fake", "clients", "message"),
    [
        (Fake(3), 2, "--clients 2: the partitioner makes 3 partitions; give both the same"),
        (Fake(2, lambda label, domain, entry, clients: 0), 2, "leaves client 1 without training entries"),
        (Fake(2, lambda label, domain, entry, clients: int(entry in (0, 11))), 2, "leaves client 1 without validation"),
    ],
)
def test_divisions_that_cannot_be_used_are_refused(fake, clients, message):
    with use_partitioner(fake), pytest.raises(ValueError, match=message):
        divide(LABEL, DOMAIN, clients, seeded())


def test_an_entry_with_two_owners_is_refused():
    class Twice(Fake):
        def load_partition(self, partition_id):
            return self.dataset.select(range(12))

    with use_partitioner(Twice(2)), pytest.raises(ValueError, match="gives an entry of client 1 out twice"):
        divide(LABEL, DOMAIN, 2, seeded())


def test_without_a_partitioner_or_with_a_used_one_it_is_said():
    with pytest.raises(ValueError, match=r"--partition custom needs a partitioner, which only Python can give"):
        divide(LABEL, DOMAIN, 2, seeded())
    used = Fake(2)
    used.dataset = Table()
    with pytest.raises(ValueError, match="has a data set already; give a new one"), use_partitioner(used):
        pass


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with use_partitioner(Fake(2)), pytest.raises(ImportError, match=r"pip install 'graphdistill\[partition\]'"):
        divide(LABEL, DOMAIN, 2, seeded())


def test_images_of_a_client_have_the_classes_that_the_partitioner_gives_in_every_split():
    config = FedConfig(dataset="digits", clients=5, partition="custom")
    with use_partitioner(Fake(5)):
        parts = images.parts(config)
    for client in range(5):
        for split in (parts[client].train, parts[client].valid, parts[client].test):
            assert set(split[1].tolist()) == {client, client + 5}


def test_molecules_are_divided_too(monkeypatch):
    monkeypatch.setattr(molecules, "load", lambda *_, **__: toy())
    config = FedConfig(dataset="pains", method="fedavg", clients=2, partition="custom")
    with use_partitioner(Fake(2, lambda label, domain, entry, clients: entry // 2 % 2)):
        parts = molecules.parts(config)
    assert [len(parts[client].train[1]) for client in range(2)] == [20, 20]


def test_a_federation_in_this_process_takes_one(tmp_path):
    config = FedConfig(dataset="digits", method="fedavg", train_on="subset", clients=2, rounds=1, partition="custom")
    state = run_in_process(
        server_app.app, client_app.app, config.run_config(), config.clients, partitioner=Fake(config.clients)
    )
    assert '"valid"' in str(state.config_records["outcome"]["json"])


@pytest.mark.filterwarnings("ignore:Classes.*will NOT be used")
@pytest.mark.filterwarnings("ignore:Classes.*will NOT be used")
@pytest.mark.parametrize("kind", ["dirichlet", "pathological"])
def test_partitioners_of_flwr_datasets_divide_it(kind, monkeypatch):
    monkeypatch.undo()
    partitioner = pytest.importorskip("flwr_datasets.partitioner")
    made = {
        "dirichlet": lambda: partitioner.DirichletPartitioner(3, "label", alpha=1.0, min_partition_size=10, seed=0),
        "pathological": lambda: partitioner.PathologicalPartitioner(3, "label", num_classes_per_partition=4, seed=0),
    }[kind]()
    with use_partitioner(made):
        parts = images.parts(FedConfig(dataset="digits", clients=3, partition="custom"))
    held = [set(parts[client].train[1].tolist()) for client in range(3)]
    assert sum(len(parts[client].train[1]) for client in range(3)) <= 1439
    assert kind != "pathological" or [len(classes) for classes in held] == [4, 4, 4]
    assert held[0] == set(parts[0].train[1].tolist())
