"""Faults the sandbox can be told to make: by operation and count, or at random by seed."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from random import Random

import attrs

from blaaiz_async import contract

__all__ = ["Fault", "FaultKind", "Faults"]


class FaultKind(StrEnum):
    """What goes wrong."""

    BEFORE_COMMIT = "before_commit"
    AFTER_COMMIT = "after_commit"
    STATUS = "status"
    TRUNCATED = "truncated"
    HANG = "hang"
    NOT_JSON = "not_json"


@attrs.frozen(kw_only=True)
class Fault:
    """One fault; make it with one of the class methods.

    Attributes:
        kind: what goes wrong.
        http_status: the status answered instead, or None for a dropped connection.
        headers: headers of the answer that replaces the true one.
        body: body of that answer: bytes as they are, anything else as JSON.
        seconds: how long a hang lasts before the connection drops; None for until the caller leaves.
        takes_effect: whether the call is carried out before the fault strikes.
    """

    kind: FaultKind
    http_status: int | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    body: object = None
    seconds: float | None = None
    takes_effect: bool = True

    @classmethod
    def before_commit(cls, status: int | None = 503) -> Fault:
        """Nothing happened; answer an error status, or drop the connection (None)."""
        return cls(kind=FaultKind.BEFORE_COMMIT, http_status=status, takes_effect=False)

    @classmethod
    def after_commit(cls, status: int | None = 502) -> Fault:
        """The call took effect, but the caller gets an error status or a dropped connection (None)."""
        return cls(kind=FaultKind.AFTER_COMMIT, http_status=status)

    @classmethod
    def status(cls, status: int, *, headers: Mapping[str, str] | None = None, body: object = None) -> Fault:
        """Any status instead of the call, which has no effect."""
        return cls(kind=FaultKind.STATUS, http_status=status, headers=headers or {}, body=body, takes_effect=False)

    @classmethod
    def truncated(cls) -> Fault:
        """The call took effect, but its answer breaks off in the middle."""
        return cls(kind=FaultKind.TRUNCATED)

    @classmethod
    def hang(cls, seconds: float | None = None, *, before: bool = False) -> Fault:
        """No answer comes: for some seconds and then a dropped connection, or until the caller leaves.

        Args:
            seconds: how long; None for ever.
            before: True if the call shall have no effect.
        """
        return cls(kind=FaultKind.HANG, seconds=seconds, takes_effect=not before)

    @classmethod
    def not_json(cls) -> Fault:
        """The call took effect and its status is true, but the body is HTML."""
        return cls(kind=FaultKind.NOT_JSON)

    @classmethod
    def named(cls, kind: FaultKind) -> Fault:
        """Make the plainest fault of a kind."""
        match kind:
            case FaultKind.BEFORE_COMMIT:
                return cls.before_commit()
            case FaultKind.AFTER_COMMIT:
                return cls.after_commit()
            case FaultKind.STATUS:
                return cls.status(500)
            case FaultKind.TRUNCATED:
                return cls.truncated()
            case FaultKind.HANG:
                return cls.hang()
            case FaultKind.NOT_JSON:
                return cls.not_json()


RANDOM_KINDS: tuple[Fault, ...] = (
    Fault.before_commit(503),
    Fault.before_commit(None),
    Fault.after_commit(502),
    Fault.after_commit(None),
    Fault.truncated(),
    Fault.not_json(),
)
"""What strikes at random unless told otherwise: everything but a hang, which only a timeout ends."""


@attrs.define
class _Chance:
    rng: Random
    rate: float
    kinds: Sequence[Fault]
    operations: Collection[str] | None

    def draw(self, operation: str) -> Fault | None:
        if self.operations is not None and operation not in self.operations:
            return None
        return self.rng.choice(self.kinds) if self.rng.random() < self.rate else None


class Faults:
    """The faults still to come."""

    def __init__(self) -> None:
        self._planned: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._chance: _Chance | None = None

    def add(self, operation_id: str, fault: Fault, times: int = 1) -> None:
        """Strike the next calls of one operation, after the faults already planned for it.

        Args:
            operation_id: operationId, such as `customers_create`, `oauth_token_create` or `presigned_upload_put`.
            fault: what goes wrong.
            times: how many calls.

        Raises:
            ValueError: the contract has no such operation.
        """
        try:
            contract.operation(operation_id)
        except KeyError:
            raise ValueError(f"the contract has no operation {operation_id!r}, so no call would ever be struck") from None
        self._planned[operation_id].extend([fault] * times)

    def random(
        self,
        *,
        seed: int,
        rate: float = 0.1,
        kinds: Sequence[Fault] = RANDOM_KINDS,
        operations: Collection[str] | None = None,
    ) -> None:
        """Strike any call with some probability, the same calls for the same seed and order of calls.

        Args:
            seed: of the random numbers.
            rate: probability, 0 to 1; 0 ends it.
            kinds: the faults to choose from.
            operations: the operationIds that may be struck; None for all.
        """
        self._chance = _Chance(Random(seed), rate, tuple(kinds), operations) if rate > 0 else None

    def clear(self) -> None:
        """Forget everything planned."""
        self._planned.clear()
        self._chance = None

    def take(self, operation: str) -> Fault | None:
        """Give the fault that strikes this call, if any, and count it as spent."""
        planned = self._planned.get(operation)
        if planned:
            return planned.popleft()
        return self._chance.draw(operation) if self._chance else None
