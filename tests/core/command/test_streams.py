import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCE = """
import sys
from dataclasses import dataclass
from graphdistill.core.command import cli
@dataclass(frozen=True, kw_only=True)
class Config:
    name: str = ""
def main(config):
    import rich.console
    from graphdistill.core.command.report import Report, Row, table
    row = Row(name="größte → \\u4e2d", group="GIN", test=(0.7, 0.72), valid=(), nbytes=900, entries=3)
    rich.console.Console(width=100).print(table(Report(title="demo", metric="rocauc", rows=(row,))))
    raise ValueError(f"no such file: {config.name} ±1")
sys.exit(cli.run(main, Config, prog="demo", description="Zeigt ± und →.", argv=sys.argv[1:]))
"""


def ran(folder, environment, *words):
    (folder / "demo.py").write_text(SOURCE, encoding="utf-8")
    environment = {"PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(
        [sys.executable, folder / "demo.py", *words], capture_output=True, check=False, env=environment
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("environment", "sign"),
    [
        ({"PYTHONIOENCODING": "ascii"}, b"+-0.014"),
        ({"PYTHONIOENCODING": "cp1252"}, b"\xb10.014"),
        ({"PYTHONIOENCODING": "ascii:strict"}, b"+-0.014"),
        ({"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, b"+-0.014"),
        ({"LC_ALL": "C"}, "±0.014".encode()),
        ({"PYTHONIOENCODING": "utf-8"}, "±0.014".encode()),
    ],
)
def test_any_encoding_takes_tables_and_errors(environment, sign, tmp_path):
    code, out, err = ran(tmp_path, environment, "--name", b"caf\xe9")
    assert code == 2
    assert sign in out
    assert b"->" in out or "→".encode() in out
    assert err.startswith(b"demo: error: no such file: caf")
    assert len(err.splitlines()) == 1
    code, out, err = ran(tmp_path, environment, "--help")
    assert (code, err) == (0, b"")
    assert b"--name" in out
    code, out, err = ran(tmp_path, environment, b"--n\xc3\xa4me=3")
    assert (code, out) == (2, b"")
    assert b"unknown option --n" in err
