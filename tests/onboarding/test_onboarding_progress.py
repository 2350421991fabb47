"""Progress: what a run shows while it goes, on a terminal and in a pipe."""

import io

import pytest
from rich.console import Console

from blaaiz_async.core.budget import BudgetStatistics, WindowStatistics
from blaaiz_async.onboarding import Outcome
from blaaiz_async.onboarding.progress import seconds_left, watcher_for


def budget(minute: int, hour: int) -> BudgetStatistics:
    return BudgetStatistics(
        minute=WindowStatistics(limit=120, used=minute),
        hour=WindowStatistics(limit=1500, used=hour),
        waiting=0,
        paused_for=0.0,
    )


def shown(counts: dict[Outcome, int], *ended: Outcome, terminal: bool, width: int = 80) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, color_system=None, width=width, _environ={})
    with watcher_for(console) as watcher:
        for number in range(1, 6):
            watcher.checking(number)
        watcher.warning("the client id isn't the same")
        watcher.working({**dict.fromkeys(Outcome, 0), **counts})
        for place, outcome in enumerate(ended, start=1):
            watcher.row(outcome, budget(7, 42), made=5 * place, left=5 * (len(ended) - place))
        watcher.stopping()
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


THREE = (Outcome.ONBOARDED, Outcome.REFUSED, Outcome.FAILED)


def test_in_a_pipe_it_prints_plain_lines() -> None:
    lines = shown({Outcome.INVALID: 2, Outcome.PENDING: 3}, *THREE, terminal=False).splitlines()
    assert [
        "Warning: the client id isn't the same.",
        "checked 5 rows: 2 invalid, 3 to do",
        "1 done, 3 refused, 1 failed, 0 left (0:00:00); calls 7/120 min, 42/1500 h",
        "Stopping: calls under way are finished first; Ctrl-C again to stop at once.",
    ] == lines


def test_a_terminal_of_80_columns_shows_rows_and_calls_spent_and_time_left_in_full() -> None:
    counts = {Outcome.INVALID: 1000, Outcome.REFUSED: 1000, Outcome.ONBOARDED: 20_000, Outcome.PENDING: 20_003}
    text = shown(counts, *THREE, terminal=True)
    assert "\x1b[" in text
    assert "20001 done, 2001 refused, 1 failed, calls 7/120 min, 42/1500 h" in text
    assert "3/20003" in text
    assert "0:00:00 left" in text


@pytest.mark.parametrize(
    ("made", "left", "elapsed", "used", "seconds"),
    [
        (0, 0, 0, (0, 0), 0),
        (0, 120, 0, (0, 0), 0),
        (120, 600, 0, (120, 120), 300),  # five more minutes of 120
        (1500, 1500, 750, (120, 1500), 3600 - 750 + 660),  # the rest of the hour, then 1,500 at 120 a minute
        (1500, 3000, 3000, (0, 1500), 600 + 3600 + 660),
        (1600, 1400, 3700, (120, 1500), 700),  # the second hour's calls are under way
        (60, 60, 600, (6, 60), 600),  # not the budget, but the platform is slow
    ],
)
def test_the_time_left_goes_by_what_minute_and_hour_let_through(
    made: int, left: int, elapsed: float, used: tuple[int, int], seconds: float
) -> None:
    assert seconds == pytest.approx(seconds_left(budget(*used), made=made, left=left, elapsed=elapsed), abs=60)
