"""Progress: counts only, live on a terminal, plain lines in a pipe."""

import io

from rich.console import Console

from blaaiz_async.core.budget import BudgetStatistics, WindowStatistics
from blaaiz_async.onboarding import Outcome
from blaaiz_async.onboarding.progress import watcher_for

BUDGET = BudgetStatistics(
    minute=WindowStatistics(limit=120, used=7), hour=WindowStatistics(limit=1500, used=42), waiting=0, paused_for=0.0
)
COUNTS = {**dict.fromkeys(Outcome, 0), Outcome.INVALID: 2, Outcome.PENDING: 3}


def shown(*, terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=200, _environ={})
    with watcher_for(console) as watcher:
        for number in range(1, 6):
            watcher.checking(number)
        watcher.working(COUNTS)
        for outcome in (Outcome.ONBOARDED, Outcome.REFUSED, Outcome.FAILED):
            watcher.row(outcome, BUDGET)
        watcher.stopping()
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_in_a_pipe_it_prints_plain_lines() -> None:
    lines = shown(terminal=False).splitlines()
    assert [
        "checked 5 rows: 2 invalid, 3 to do",
        "1 done, 3 refused, 1 failed, 0 left (about 0 s); calls 7/120 a minute, 42/1500 an hour",
        "Stopping: calls under way are finished first; Ctrl-C again to stop at once.",
    ] == lines


def test_on_a_terminal_it_shows_rows_and_calls_spent_and_time_left() -> None:
    text = shown(terminal=True)
    assert "\x1b[" in text
    for part in ("Onboarding", "3/3", "1 done, 3 refused, 1 failed", "calls 7/120 a minute, 42/1500 an hour", "0:00:00"):
        assert part in text
