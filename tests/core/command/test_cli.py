import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from graphdistill import __version__
from graphdistill.core.command import cli


@dataclass(frozen=True, kw_only=True)
class Common:
    output: Path = Path("runs")
    """Folder for the results."""
    quiet: bool = False
    """No progress bars."""
    debug: bool = False
    """Show the traceback of an error."""


@dataclass(frozen=True, kw_only=True)
class Config(Common):
    dataset: str = "pains"
    """Data set by name,
    or a CSV file."""
    root: Path | None = None
    """Folder of the data."""
    hops: int = 2
    """Depth of the trees."""
    thresholds: tuple[int, ...] | None = None
    """Smallest support, one per class."""
    bytes: int | None = None
    """Budget in bytes."""
    fraction: float | None = None
    """Budget as a fraction of the raw bytes."""
    lossless: bool = False
    """Keep every tree."""
    protocol: Literal["honest", "paper"] = "honest"
    """Number of hops."""
    networks: tuple[Literal["GCN", "GAT", "GIN"], ...] = ("GCN", "GAT")
    """Networks of the evaluation."""
    smiles_column: str = "smiles"
    """Column of the molecules."""

    def __post_init__(self) -> None:
        if self.hops < 0:
            raise ValueError(f"--hops must be 0 or more,\n got {self.hops}")


@dataclass(frozen=True, kw_only=True)
class Needy:
    dataset: str
    """Data set by name."""


@pytest.fixture
def run(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "100")

    def call(*words, main=lambda config: None, config_type=Config):
        seen = []

        def keep(config):
            seen.append(config)
            main(config)

        code = cli.run(keep, config_type, prog="demo", description="Distil a little.", argv=words)
        out, err = capsys.readouterr()
        return code, out, err, seen[0] if seen else None

    return call


def raises(error):
    def main(config):
        raise error

    return main


def test_defaults(run):
    assert run() == (0, "", "", Config())


def test_shell_and_python_say_the_same_words(run):
    words = (
        "--dataset a.csv --root data --output out --hops 3 --thresholds 1800 115 --bytes 500 --fraction 0.01 "
        "--lossless --protocol paper --networks GIN GCN --smiles-column mol --quiet --debug"
    )
    assert run(*words.split())[-1] == Config(
        dataset="a.csv",
        root=Path("data"),
        output=Path("out"),
        hops=3,
        thresholds=(1800, 115),
        bytes=500,
        fraction=0.01,
        lossless=True,
        protocol="paper",
        networks=("GIN", "GCN"),
        smiles_column="mol",
        quiet=True,
        debug=True,
    )


@pytest.mark.parametrize("word", ["--smiles_column=mol", "--smiles-column=mol"])
def test_equals_sign_and_underscore(run, word):
    assert run(word)[-1] == Config(smiles_column="mol")


def test_a_home_folder_is_expanded(run, monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert run("--root=~/data", "--output", "~")[-1] == Config(
        root=Path("/home/someone/data"), output=Path("/home/someone")
    )
    code, _, err, _ = run("--root=~nobody-has-this-name/data")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "there is no home folder for ~nobody-has-this-name" in err


def test_argv_of_the_process_is_the_default(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["demo", "--hops", "1"])
    code = cli.run(lambda c: sys.stdout.write(f"{c.hops}\n"), Config, prog="demo", description="Demo.")
    assert (code, capsys.readouterr().out) == (0, "1\n")


def test_help_fits_on_a_screen(run):
    code, out, err, config = run("--help")
    assert (code, err, config) == (0, "", None)
    lines = out.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100
    for text in (
        "Distil a little.",
        "--thresholds INT ...",
        "Data set by name, or a CSV file. (default: pains)",
    ):
        assert text in out
    assert "(one of GCN, GAT, GIN; default: GCN GAT)" in out
    assert "--version" in out
    assert "--no-" not in out
    assert "None" not in out


def test_inherited_fields_have_help(run):
    assert "Folder for the results." in run("--help")[1]


def test_version(run):
    assert run("--version") == (0, f"graphdistill {__version__}\n", "", None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--newtorks GCN", "unknown option --newtorks; did you mean --networks?"),
        ("--newtorks=GCN", "unknown option --newtorks; did you mean --networks?"),
        ("--zzz", "unknown option --zzz; --help lists all"),
        ("--no-lossless", "unknown option --no-lossless; did you mean --lossless?"),
        ("--networks GCN FOO --hops 2", "--networks takes NAME ... (one of GCN, GAT, GIN), got GCN FOO"),
        ("--protocol=best", "--protocol takes NAME (one of honest, paper), got best"),
        ("--hops two", "--hops takes INT, got two"),
        ("--hops", "--hops takes INT, got nothing"),
        ("--bytes 1e4", "--bytes takes INT, got 1e4"),
        ("--fraction x", "--fraction takes FLOAT, got x"),
        ("--thresholds 3 x", "--thresholds takes INT ..., got 3 x"),
        ("--smiles-column", "--smiles-column takes STR, got nothing"),
        ("stray", "unrecognized argument stray; options begin with --"),
        ("--hops 2 stray", "--hops takes INT, got 2 stray"),
        ("-x", "unrecognized argument -x; options begin with --"),
        ("--hops -1", "--hops must be 0 or more, got -1"),
    ],
)
def test_bad_arguments_are_one_line_and_code_2(run, words, message):
    assert run(*words.split()) == (2, "", f"demo: error: {message}\n", None)


def test_missing_option(run):
    assert run(config_type=Needy)[:3] == (2, "", "demo: error: --dataset takes STR, got nothing\n")
    assert "(required)" in run("--help", config_type=Needy)[1]


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ValueError("budget is\n  too small"), 2, "demo: error: budget is too small"),
        (ValueError(), 2, "demo: error: no message"),
        (OSError("disk\nfull"), 1, "demo: OSError: disk full (--debug shows where)"),
        (KeyboardInterrupt(), 1, "demo: interrupted; nothing was written"),
        (KeyboardInterrupt("go on with --resume"), 1, "demo: interrupted; go on with --resume"),
    ],
)
def test_failures_are_one_line(run, error, code, line):
    assert run(main=raises(error))[:3] == (code, "", line + "\n")


@pytest.mark.parametrize(("error", "code"), [(ValueError("x"), 2), (OSError("x"), 1), (KeyboardInterrupt(), 1)])
def test_debug_shows_the_traceback(run, error, code):
    got, _, err, _ = run("--debug", main=raises(error))
    assert got == code
    assert "Traceback (most recent call last)" in err
    assert "in main" in err
    assert err.splitlines()[-1].startswith("demo: ")


def test_the_wrong_option_is_found_among_right_ones(run):
    assert run("--networks", "GCN", "--hops", "3", "--fraction", "x", "--lossless")[2] == (
        "demo: error: --fraction takes FLOAT, got x\n"
    )
    assert run("--lossless", "yes")[2] == "demo: error: --lossless takes no value, got yes\n"
    assert run("--lossless=yes")[2] == "demo: error: --lossless takes no value, got yes\n"
