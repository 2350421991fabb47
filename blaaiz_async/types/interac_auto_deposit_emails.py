"""E-mail addresses for Interac auto-deposit (contract/events.yaml interac_auto_deposit_email_*)."""

from datetime import datetime
from typing import Annotated, ClassVar

from attrs import frozen

from blaaiz_async.core.codec import Answer, Id, OpenStrEnum, Request
from blaaiz_async.types.rules import Email, longest


class AutoDepositEmailStatus(OpenStrEnum):
    """State of a registration, changed by Blaaiz alone. Only ACTIVE takes money."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    ACTIVE = "ACTIVE"
    BLOCKED = "BLOCKED"


@frozen(kw_only=True, repr=False)
class AutoDepositEmailCreateRequest(Request):
    """An e-mail address to register (contract schema AutoDepositEmailCreateRequest)."""

    email: Annotated[Email, longest(255)]
    """Neither an account's nor registered already."""


@frozen(kw_only=True, repr=False)
class AutoDepositEmail(Answer):
    """A registration."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "status")

    id: Id
    email: str | None = None
    status: AutoDepositEmailStatus | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
