"""Customers, their virtual accounts, and e-mail addresses for Interac auto-deposit (contract/events.yaml)."""

from datetime import datetime
from typing import ClassVar

from attrs import frozen

from blaaiz_async.core.codec import Id
from blaaiz_async.types.customers import VerificationStatus
from blaaiz_async.types.interac_auto_deposit_emails import AutoDepositEmailStatus
from blaaiz_async.types.virtual_bank_accounts import VirtualBankAccountStatus
from blaaiz_async.webhooks.event import REQUIRED, Event, UrlKind

# -- customers ---------------------------------------------------------------------------------------------------------


@frozen(kw_only=True, repr=False)
class CustomerEvent(Event):
    """What became of a customer."""

    _shown: ClassVar[tuple[str, ...]] = ("dedupe_key", "customer_id", "new_status")
    url_kind: ClassVar[UrlKind | None] = "collection"

    event_type: str | None = None
    type: str | None = None
    event_id: Id | None = None
    message: str | None = None
    customer_id: Id | None = None
    customer_email: str | None = None
    old_status: VerificationStatus | None = None
    new_status: VerificationStatus | None = None
    comment: str | None = None
    """Why it was rejected, for instance."""
    updated_at: datetime | None = None


@frozen(kw_only=True, repr=False)
class CustomerCreated(CustomerEvent):
    """A customer was created. Blaaiz has never shown its body, and its newest event table leaves it out."""


@frozen(kw_only=True, repr=False)
class CustomerStatusChanged(CustomerEvent):
    """A customer's verification moved on. What was said of single owners and documents, read from the customer."""

    customer_id: Id = REQUIRED
    new_status: VerificationStatus = REQUIRED


# -- virtual accounts --------------------------------------------------------------------------------------------------


@frozen(kw_only=True, repr=False)
class VirtualAccountEvent(Event):
    """What became of a virtual account."""

    _shown: ClassVar[tuple[str, ...]] = ("dedupe_key", "virtual_account_id", "status", "customer_id")
    url_kind: ClassVar[UrlKind | None] = "collection"

    event: str | None = None
    event_id: Id | None = None
    """Not in any body that was shown."""
    virtual_account_id: Id | None = None
    customer_id: Id | None = None
    wallet_id: Id | None = None
    currency: str | None = None
    """ISO 4217."""
    status: VirtualBankAccountStatus | None = None


@frozen(kw_only=True, repr=False)
class VirtualAccountOpening(VirtualAccountEvent):
    """How far the opening of a virtual account is."""

    virtual_account_id: Id = REQUIRED
    status: VirtualBankAccountStatus = REQUIRED


@frozen(kw_only=True, repr=False)
class VirtualAccountCreated(VirtualAccountOpening):
    """The opening of a virtual account began."""


@frozen(kw_only=True, repr=False)
class VirtualAccountReady(VirtualAccountOpening):
    """A virtual account can take money."""

    account_number: str | None = None
    account_name: str | None = None
    bank_name: str | None = None
    bank_code: str | None = None
    routing_number: str | None = None
    """USD."""
    iban: str | None = None
    """GBP and EUR."""
    sort_code: str | None = None
    """GBP."""
    bank_address: str | None = None
    """USD."""


@frozen(kw_only=True, repr=False)
class VirtualAccountRefused(VirtualAccountOpening):
    """A virtual account won't be opened."""

    rejection_reason: str | None = None
    """The technical cause."""
    user_reason: str | None = None
    """For the customer to read."""
    developer_reason: str | None = None
    """A code for machines, such as CUSTOMER_VERIFICATION_FAILED."""


@frozen(kw_only=True, repr=False)
class VirtualAccountRejected(VirtualAccountRefused):
    """A virtual account was rejected."""


@frozen(kw_only=True, repr=False)
class VirtualAccountFailed(VirtualAccountRefused):
    """The opening of a virtual account failed."""


@frozen(kw_only=True, repr=False)
class VirtualAccountCredited(VirtualAccountEvent):
    """Money came into a virtual account. Blaaiz lists this event and shows deposits as `CollectionCompleted`."""


# -- auto-deposit ------------------------------------------------------------------------------------------------------


@frozen(kw_only=True, repr=False)
class AutoDepositEmailEvent(Event):
    """What became of an address registered for Interac auto-deposit. Sent once and never again: read it if you miss it."""

    url_kind: ClassVar[UrlKind | None] = "collection"
    """Without a `collection_url` it comes by `payout_url`."""

    type: str | None = None
    event_id: Id | None = None
    message: str | None = None
    email: str
    """The address tells which registration it is; there is no id."""
    status: AutoDepositEmailStatus


@frozen(kw_only=True, repr=False)
class AutoDepositEmailActivated(AutoDepositEmailEvent):
    """An address takes money from now on. The payments come as CAD collections."""


@frozen(kw_only=True, repr=False)
class AutoDepositEmailBlocked(AutoDepositEmailEvent):
    """An address was refused, or takes no money any more."""
