import importlib.util

import pytest

from graphdistill.mirage.config import Command
from graphdistill.mirage.shards.config import ShardsConfig, parse_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GB", 2 * 10**9), ("1.5 GiB", 3 * 2**29), ("800m", 8 * 10**8), ("700000000", 7 * 10**8), ("1tib", 2**40)],
)
def test_memory_is_a_number_with_a_unit(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "much", "2XB", "-1GB", "2 GB more", "i"])
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match="--memory must be a number and a unit such as 2GB or 1500MB, got"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shards": 0}, "--shards must be 1 or more, got 0"),
        (
            {"memory": "100MB"},
            "--memory 100MB is too small: a process takes 500 MB before it reads a molecule; give 600MB",
        ),
        ({"engine": "spark"}, "--engine must be serial, processes, ray or ray://HOST:PORT, got 'spark'"),
        ({"engine": "ray://nowhere"}, "--engine must be serial, processes, ray or ray://HOST:PORT"),
        ({"min_share": 1.0}, "--min-share must be from 0 to below 1, got 1.0"),
        ({"min_graphs": 0}, "--min-graphs must be 1 or more, got 0"),
    ],
)
def test_bad_values_are_refused_before_any_work(options, message):
    with pytest.raises(ValueError, match=message):
        ShardsConfig(**options)


def test_ray_must_be_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="--engine ray needs the package ray: pip install ray, or give processes"):
        ShardsConfig(engine="ray")


def test_options_of_the_other_kind_of_data_are_refused():
    with pytest.raises(ValueError, match="--lossless is for data in memory; leave it out, or leave out --engine"):
        Command(dataset="a.smi", engine="serial", lossless=True)
    with pytest.raises(ValueError, match="--split-column is for data in shards; give --engine processes"):
        Command(dataset="a.smi", split_column="split")
    assert Command(dataset="a.smi", shards=4).in_shards
    assert not Command().in_shards
