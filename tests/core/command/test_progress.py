import io
import subprocess
import sys
import threading
import time

import pytest

from graphdistill.core.command.progress import NO_PROGRESS, Bars, Lines, Progress, Step, progress


def terminal(monkeypatch):
    """Stderr as a terminal, from here on: pytest sets its own between fixtures and tests."""
    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    return screen


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_what_takes_no_ten_seconds_is_silent_where_stderr_is_no_terminal(capsys):
    assert list(NO_PROGRESS.track("abc", "letters")) == ["a", "b", "c"]
    with progress() as bars, bars.step("loading") as advance:
        assert list(bars.track(iter([1, 2]), "counting", total=2)) == [1, 2]
        advance(1)
    assert capsys.readouterr() == ("", "")


def test_progress_shows_on_a_terminal(monkeypatch):
    screen = terminal(monkeypatch)
    with progress(quiet=True) as bars:
        list(bars.track(range(3), "mining"))
    assert screen.getvalue() == ""
    with progress() as bars:
        for _ in bars.track(range(3), "mining [a]"):
            bars._display.drawn.refresh()
    assert "mining [a]" in screen.getvalue()
    assert "33%" in screen.getvalue()


def test_a_step_says_how_things_stand_and_what_time_is_left(monkeypatch):
    screen = terminal(monkeypatch)
    with progress() as bars, bars.step("matching", 4) as advance:
        advance(1, "loss 0.25")
        bars._display.drawn.refresh()
    assert "loss 0.25" in screen.getvalue()
    assert "left" in screen.getvalue()


def test_a_step_that_fails_takes_its_bar_away_and_frees_the_terminal(monkeypatch):
    screen = terminal(monkeypatch)
    bars = Progress(quiet=False)
    with bars.step("outer"):
        with pytest.raises(KeyError), bars.step("failing"):
            raise KeyError
        assert [task.description for task in bars._display.drawn.tasks] == ["outer"]
        bars.write("a line [x]")
    assert bars._display.drawn is None
    bars.write("another")
    assert "a line [x]" in screen.getvalue()
    assert screen.getvalue().endswith("another\n")


def test_a_quiet_command_silences_what_it_calls(monkeypatch):
    screen = terminal(monkeypatch)
    with progress(quiet=True) as outer, progress() as inner:
        assert inner is outer
        list(inner.track(range(3), "mining"))
        inner.write("a line")
    assert screen.getvalue() == ""
    assert progress() is not outer


def test_the_line_of_nested_steps():
    clock = Clock()
    lines = Lines(io.StringIO(), clock=clock)
    assert lines.text() == "0:00:00 starting"
    seeds, training = Step("seeds", 5), Step("training", 200)
    lines.begin(seeds)
    clock.now = 10
    lines.begin(training)
    training.done, clock.now = 50, 20
    # The outer step has not moved: the time left is the inner one's.
    assert lines.text() == "0:00:20 seeds 0/5 (0 %), training 50/200 (25 %), 0:00:30 left"
    seeds.done, seeds.note, clock.now = 1, "valid 0.5", 30
    assert lines.text() == "0:00:30 seeds 1/5 (20 %), training 50/200 (25 %), 0:02:00 left; valid 0.5"
    lines.end(training)
    lines.end(seeds)
    assert lines.text() == "0:00:30 after seeds"
    lines.begin(Step("loading", None))
    assert lines.text() == "0:00:30 loading"


def test_a_line_appears_after_each_interval_of_silence(monkeypatch):
    clock, stream = Clock(), io.StringIO()
    lines = Lines(stream, 10.0, clock)
    waits, written = [], []

    def wait(seconds):
        """Ten seconds after the last line, twice, with a line of the command's own in between."""
        waits.append(seconds)
        written.append(len(stream.getvalue().splitlines()))
        clock.now += seconds
        if len(waits) == 2:
            clock.now -= 4
            lines.write("round 1")
            clock.now += 4
        return len(waits) == 5

    monkeypatch.setattr(lines._stop, "wait", wait)
    lines._run()
    assert waits == [10, 10, 6, 10, 10]
    assert written == [0, 1, 2, 3, 4]
    assert stream.getvalue().splitlines() == [
        "0:00:10 starting",
        "round 1",
        "0:00:26 after: round 1",
        "0:00:36 after: round 1",
    ]


def test_lines_come_while_a_single_call_is_busy():
    stream, main = io.StringIO(), threading.active_count()
    with Progress(quiet=False, display=Lines(stream, interval=0.02)) as bars, bars.step("waiting", 1):
        until = time.monotonic() + 10
        while stream.getvalue().count("\n") < 3 and time.monotonic() < until:
            sum(range(100_000))
    found = stream.getvalue().splitlines()
    assert len(found) >= 3
    assert set(found) == {"0:00:00 waiting (0 %)"}
    assert threading.active_count() <= main  # a thread of an earlier test may have ended
    assert stream.getvalue().splitlines() == found  # nothing after the end


def test_a_reader_that_is_gone_ends_nothing():
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    Lines(Gone()).write("a line")


def test_a_log_file_gets_plain_lines(tmp_path):
    source = """
import sys, time
from graphdistill.core.command import cli, progress
from graphdistill.condense.config import Command
progress.Lines.__init__.__defaults__ = (None, 0.05, time.monotonic)
def main(command):
    with progress.progress().step("sleeping", 4) as advance:
        advance(1, "so far so good")
        time.sleep(0.3)
sys.exit(cli.run(main, Command, prog="demo", description=""))
"""
    for words, count in (([], range(2, 7)), (["--quiet"], [0])):
        done = subprocess.run([sys.executable, "-c", source, *words], capture_output=True, text=True, check=True)
        lines = done.stderr.splitlines()
        assert len(lines) in count
        assert {line.partition(" ")[2] for line in lines} <= {
            "sleeping 1/4 (25 %), 0:00:00 left; so far so good",
            "sleeping 1/4 (25 %), 0:00:01 left; so far so good",
        }
        assert "\x1b" not in done.stderr
        assert done.stdout == ""


@pytest.mark.parametrize("display", [Bars, lambda: Lines(io.StringIO())])
def test_a_display_that_is_given_is_used(display, monkeypatch):
    terminal(monkeypatch)
    made = display()
    with Progress(quiet=False, display=made) as bars:
        assert list(bars.track("ab", "letters")) == ["a", "b"]
