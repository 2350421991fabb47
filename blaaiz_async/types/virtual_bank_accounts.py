"""Virtual bank accounts: an account of a customer's own, whose deposits go to a wallet."""

from typing import Annotated, ClassVar

from attrs import frozen

from blaaiz_async.core.codec import Answer, Id, OpenStrEnum, Request
from blaaiz_async.types.rules import Text, longest


class VirtualBankAccountStatus(OpenStrEnum):
    """State of a virtual account; what one shows while it closes isn't documented."""

    PENDING = "PENDING"
    SUCCESSFUL = "SUCCESSFUL"
    REJECTED = "REJECTED"
    FAILED = "FAILED"


@frozen(kw_only=True, repr=False)
class VirtualBankAccountCreate(Request):
    """A virtual account to ask for (contract schema VirtualBankAccountCreateRequest)."""

    _shown: ClassVar[tuple[str, ...]] = ("wallet_id", "customer_id")

    wallet_id: Text
    """Its currency is the account's: NGN, GBP, EUR or USD."""
    customer_id: Text
    """VERIFIED customer; one account for each customer and wallet."""


@frozen(kw_only=True, repr=False)
class VirtualBankAccountClose(Request):
    """Why a virtual account is closed (contract schema VirtualBankAccountCloseRequest)."""

    reason: Annotated[str, longest(200)] | None = None


@frozen(kw_only=True, repr=False)
class VirtualBankAccount(Answer):
    """A virtual account; its number may be missing until it is ready."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "status", "currency")

    id: Id
    business_wallet_id: Id | None = None
    currency_id: Id | None = None
    currency: str | None = None
    account_number: str | None = None
    account_name: str | None = None
    bank_name: str | None = None
    bank_code: str | None = None
    provider: str | None = None
    account_reference: str | None = None
    reservation_reference: str | None = None
    iban: str | None = None
    sort_code: str | None = None
    bank_address: str | None = None
    rejection_reason: str | None = None
    """Given on REJECTED and FAILED."""
    status: VirtualBankAccountStatus | None = None
    """Lists may leave it out."""


@frozen(kw_only=True, repr=False)
class VirtualBankAccountClosing(Answer):
    """A closure that has begun (contract schema VirtualBankAccountCloseResponse)."""

    _shown: ClassVar[tuple[str, ...]] = ("account_id",)

    account_id: Id | None = None
    message: str | None = None
