"""Standard output and error that take any text, whatever the encoding of the terminal."""

from __future__ import annotations

import codecs
import io
import sys

ASCII = {"±": "+-", "→": "->", "µ": "u", "\u2013": "-", "\u2014": "-", "…": "...", "≤": "<=", "≥": ">="}
"""What to write for what an encoding lacks; other characters are written as their number."""


def replace_unknown() -> None:
    r"""Have stdout and stderr replace what their encoding lacks, where they would raise ``UnicodeEncodeError``.

    Tables hold plus-minus signs and paths may hold anything, while a terminal may know ASCII alone.

    Example:
        >>> "0.71 ± 0.01 für \udce9".encode("ascii", "graphdistill.ascii")
        b'0.71 +- 0.01 f\\xfcr \\udce9'
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="graphdistill.ascii")


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    unknown = error.object[error.start : error.end]
    return "".join(ASCII.get(c, c.encode("ascii", "backslashreplace").decode("ascii")) for c in unknown), error.end


codecs.register_error("graphdistill.ascii", _spell)
