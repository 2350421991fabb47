"""Onboards customers from a file, durably (extra `jobs`): read, check, run, resume, report.

`check_file` finds what is wrong with a file without any call; `run_job` onboards it. The rooms, in the order in which a
row passes through: `reader`, `filecheck`, `checking`, `ledger`, `job`, `identity`, `lock`, `engine` (which alone knows
DBOS), `flow`, `outcome`, `report`; `progress` shows how it goes.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blaaiz_async.onboarding.job import CheckedRow, JobSettings, Watcher, check_file, run_job
    from blaaiz_async.onboarding.outcome import Outcome
    from blaaiz_async.onboarding.reader import InputError
    from blaaiz_async.onboarding.report import JobSummary

__all__ = ["CheckedRow", "InputError", "JobSettings", "JobSummary", "Outcome", "Watcher", "check_file", "run_job"]

_ROOMS = {"InputError": "reader", "JobSummary": "report", "Outcome": "outcome"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_ROOMS.get(name, 'job')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
