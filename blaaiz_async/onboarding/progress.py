"""How a run goes: live on a terminal, plain lines in a pipe. Counts only, never a word of a row."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from blaaiz_async.core.budget import BudgetStatistics
from blaaiz_async.onboarding.outcome import Outcome

__all__ = ["seconds_left", "watcher_for"]

_CHECK_STEP = 1000
_EVERY_SECONDS = 5.0
_MINUTE, _HOUR = 60.0, 3600.0
_BINDING = 0.85
"""Share of a window from which on it is the budget that a run waits for: bulk calls leave a reserve of 0.1."""
_STOPPING = "Stopping: calls under way are finished first; Ctrl-C again to stop at once."


def seconds_left(budget: BudgetStatistics, *, made: int, left: int, elapsed: float) -> float:
    """Estimate how long a run still takes.

    Args:
        budget: the windows and their limits.
        made: calls that this run has made.
        left: calls that it still has to make.
        elapsed: seconds since its first call.

    Returns:
        Seconds: what the limits of a minute and an hour ask for, and if they aren't what the run waits for, what its
        pace up to now tells.
    """
    if left <= 0:
        return 0.0
    minute, hour = budget.minute, budget.hour
    # A run uses an hour's calls up as fast as the minute allows, and then waits for the hour to end.
    hours, rest = divmod(made + left - 1, max(hour.limit, 1))
    due = hours * _HOUR + rest // max(minute.limit, 1) * _MINUTE
    free = max(minute.limit - minute.used, 0)
    by_minute = max(left - free, 0) / max(minute.limit, 1) * _MINUTE
    by_budget = max(due - elapsed, by_minute, budget.paused_for)
    if not made or minute.used >= _BINDING * minute.limit or hour.used >= _BINDING * hour.limit:
        return by_budget
    return max(by_budget, elapsed / made * left)


class _Watching(AbstractContextManager["_Watching"]):
    """What both kinds share: the counts, and when the end is due."""

    def __init__(self, console: Console, now: Callable[[], float]) -> None:
        self._console = console
        self._now = now
        self._counts: dict[Outcome, int] = dict.fromkeys(Outcome, 0)
        self._ended = 0
        self._began = 0.0
        self._ends = 0.0

    def checking(self, rows: int) -> None:
        raise NotImplementedError

    def warning(self, text: str) -> None:
        self._print(f"Warning: {text}.")

    def working(self, counts: dict[Outcome, int]) -> None:
        self._counts = dict(counts)
        self._began = self._now()

    def row(self, outcome: Outcome, budget: BudgetStatistics, *, made: int, left: int) -> None:
        if outcome != Outcome.PENDING:
            self._counts[Outcome.PENDING] -= 1
            self._counts[outcome] += 1
            self._ended += 1
        now = self._now()
        self._ends = now + seconds_left(budget, made=made, left=left, elapsed=now - self._began)
        self.show(budget)

    def stopping(self) -> None:
        self._print(_STOPPING)

    def show(self, budget: BudgetStatistics) -> None:
        raise NotImplementedError

    def _line(self) -> str:
        counts = self._counts
        refused = counts[Outcome.INVALID] + counts[Outcome.REFUSED]
        return f"{counts[Outcome.ONBOARDED]} done, {refused} refused, {counts[Outcome.FAILED]} failed"

    def _time_left(self) -> str:
        return str(timedelta(seconds=max(0, round(self._ends - self._now()))))

    @staticmethod
    def _calls(budget: BudgetStatistics) -> str:
        minute, hour = budget.minute, budget.hour
        return f"calls {minute.used}/{minute.limit} min, {hour.used}/{hour.limit} h"

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass


class _Live(_Watching):
    """Two lines that move: a bar with the time left above the counts of rows and calls. They fit 80 columns."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console, now)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            auto_refresh=False,
        )
        self._task = self._bar.add_task("Checking", total=None, left="")
        self._status = ""
        self._timed = False
        self._live = Live(console=console, get_renderable=self._render)

    def _render(self) -> Group:
        # Made anew at every refresh: the time left goes on running while the job waits for its budget.
        self._bar.update(self._task, left=f"{self._time_left()} left" if self._timed else "")
        return Group(self._bar.get_renderable(), Text(self._status, no_wrap=True, overflow="ellipsis"))

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()

    def checking(self, rows: int) -> None:
        if rows % _CHECK_STEP == 0:
            self._bar.update(self._task, completed=rows)

    def working(self, counts: dict[Outcome, int]) -> None:
        super().working(counts)
        self._bar.reset(self._task, description="Onboarding", total=counts[Outcome.PENDING])
        self._status = self._line()

    def show(self, budget: BudgetStatistics) -> None:
        self._timed = True
        self._bar.update(self._task, completed=self._ended)
        self._status = f"{self._line()}, {self._calls(budget)}"


class _Plain(_Watching):
    """A line now and then."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console, now)
        self._next = 0.0
        self._checked = 0

    def checking(self, rows: int) -> None:
        self._checked = rows

    def working(self, counts: dict[Outcome, int]) -> None:
        super().working(counts)
        self._next = self._began + _EVERY_SECONDS
        self._print(f"checked {self._checked} rows: {counts[Outcome.INVALID]} invalid, {counts[Outcome.PENDING]} to do")

    def show(self, budget: BudgetStatistics) -> None:
        now, left = self._now(), self._counts[Outcome.PENDING]
        if now < self._next and left:
            return
        self._next = now + _EVERY_SECONDS
        self._print(f"{self._line()}, {left} left ({self._time_left()}); {self._calls(budget)}")


def watcher_for(console: Console) -> _Watching:
    """Return what shows a run: live lines if the console is a terminal, else plain ones."""
    return _Live(console) if console.is_terminal else _Plain(console)
