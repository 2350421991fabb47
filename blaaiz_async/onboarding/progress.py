"""How a run goes: live on a terminal, plain lines in a pipe. Counts only, never a word of a row."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from blaaiz_async.core.budget import BudgetStatistics
from blaaiz_async.onboarding.outcome import Outcome

__all__ = ["watcher_for"]

_CHECK_STEP = 1000
_EVERY_SECONDS = 5.0
_STOPPING = "Stopping: calls under way are finished first; Ctrl-C again to stop at once."


class _Watching(AbstractContextManager["_Watching"]):
    """What both kinds share: the counts."""

    def __init__(self) -> None:
        self._counts: dict[Outcome, int] = dict.fromkeys(Outcome, 0)
        self._ended = 0

    def checking(self, rows: int) -> None:
        raise NotImplementedError

    def working(self, counts: dict[Outcome, int]) -> None:
        self._counts = dict(counts)

    def row(self, outcome: Outcome, budget: BudgetStatistics) -> None:
        if outcome != Outcome.PENDING:
            self._counts[Outcome.PENDING] -= 1
            self._counts[outcome] += 1
            self._ended += 1
        self.show(budget)

    def stopping(self) -> None:
        raise NotImplementedError

    def show(self, budget: BudgetStatistics) -> None:
        raise NotImplementedError

    def _line(self) -> str:
        counts = self._counts
        refused = counts[Outcome.INVALID] + counts[Outcome.REFUSED]
        return f"{counts[Outcome.ONBOARDED]} done, {refused} refused, {counts[Outcome.FAILED]} failed"

    @staticmethod
    def _calls(budget: BudgetStatistics) -> str:
        minute, hour = budget.minute, budget.hour
        return f"calls {minute.used}/{minute.limit} a minute, {hour.used}/{hour.limit} an hour"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass


class _Live(_Watching):
    """A bar that moves."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[line]}"),
            TextColumn("{task.fields[calls]}"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._bar.add_task("Checking", total=None, line="", calls="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def checking(self, rows: int) -> None:
        if rows % _CHECK_STEP == 0:
            self._bar.update(self._task, completed=rows)

    def working(self, counts: dict[Outcome, int]) -> None:
        super().working(counts)
        due = counts[Outcome.PENDING]
        self._bar.reset(self._task, description="Onboarding", total=due, line=self._line(), calls="")

    def show(self, budget: BudgetStatistics) -> None:
        self._bar.update(self._task, completed=self._ended, line=self._line(), calls=self._calls(budget))

    def stopping(self) -> None:
        self._bar.console.print(_STOPPING)


class _Plain(_Watching):
    """A line now and then."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._console = console
        self._now = now
        self._next = 0.0
        self._began = 0.0
        self._checked = 0

    def checking(self, rows: int) -> None:
        self._checked = rows

    def working(self, counts: dict[Outcome, int]) -> None:
        super().working(counts)
        self._began = self._now()
        self._next = self._began + _EVERY_SECONDS
        self._print(f"checked {self._checked} rows: {counts[Outcome.INVALID]} invalid, {counts[Outcome.PENDING]} to do")

    def show(self, budget: BudgetStatistics) -> None:
        now, left = self._now(), self._counts[Outcome.PENDING]
        if now < self._next and left:
            return
        self._next = now + _EVERY_SECONDS
        seconds = (now - self._began) / self._ended * left if self._ended else 0
        self._print(f"{self._line()}, {left} left (about {seconds:.0f} s); {self._calls(budget)}")

    def stopping(self) -> None:
        self._print(_STOPPING)

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)


def watcher_for(console: Console) -> _Watching:
    """Return what shows a run: a live bar if the console is a terminal, else plain lines."""
    return _Live(console) if console.is_terminal else _Plain(console)
