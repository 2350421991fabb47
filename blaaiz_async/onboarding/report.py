"""What a run leaves behind: the results file, and a summary to print."""

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile

from attrs import frozen

from blaaiz_async.onboarding.ledger import Ledger
from blaaiz_async.onboarding.outcome import Outcome
from blaaiz_async.onboarding.reader import InputError

__all__ = ["COLUMNS", "JobSummary", "check_results_path", "write_results"]

COLUMNS = ("external_id", "row", "outcome", "customer_id", "verification_status", "detail")


@frozen(kw_only=True)
class JobSummary:
    """How a run ended."""

    counts: Mapping[Outcome, int]
    results: Path
    interrupted: bool = False
    """Whether it was asked to stop before all rows were done."""
    stopped_for: str = ""
    """Why no row could go on, such as a wrong credential; empty if nothing stopped the run."""

    @property
    def done(self) -> bool:
        """Whether every row is onboarded."""
        return all(count == 0 for outcome, count in self.counts.items() if outcome != Outcome.ONBOARDED)

    @property
    def worth_repeating(self) -> bool:
        """Whether the same command would find something to do."""
        return bool(self.counts[Outcome.PENDING] or self.counts[Outcome.FAILED])

    def line(self) -> str:
        """Return the counts as one line."""
        return ", ".join(f"{self.counts[outcome]} {outcome.value}" for outcome in Outcome)


def check_results_path(path: Path, taken: Mapping[str, Path]) -> None:
    """See that results can be written, and would replace nothing that the job needs.

    Args:
        path: where the results will go.
        taken: the job's own files, by what they are.

    Raises:
        InputError: the path is one of them, by whatever name or link, or nothing can be written there.
    """
    for what, file in taken.items():
        if path.resolve() == file.resolve() or (path.exists() and file.exists() and path.samefile(file)):
            raise InputError(f"the results file {path.name} is {what}, and would replace it; give another --results")
    try:
        if path.is_dir():
            raise InputError(f"the results file {path.name} can't be written: it is a folder")
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(f"the results file {path.name} can't be written: {error.strerror}")


def write_results(ledger: Ledger, path: Path) -> None:
    """Write a line for every row, in the order of the file; an earlier results file is replaced whole, or not at all.

    Raises:
        InputError: the file can't be written.
    """
    try:
        with NamedTemporaryFile(
            "w", encoding="utf-8", newline="", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            try:
                writer = csv.writer(file)
                writer.writerow(COLUMNS)
                for row in ledger.rows():
                    end = row.end
                    writer.writerow(
                        (
                            row.external_id,
                            row.place.number,
                            end.outcome.value,
                            end.customer_id,
                            end.verification_status,
                            end.detail,
                        )
                    )
            except BaseException:
                os.unlink(file.name)  # noqa: PTH108  # a name, not a path of ours
                raise
        Path(file.name).replace(path)
    except OSError as error:
        raise _unwritable(path, error) from None
