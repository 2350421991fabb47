"""Which fields of a customer may still be changed (contract/customers.yaml x-state-machines.lock_matrix)."""

from typing import Literal

from attrs import frozen

from blaaiz_async.core.codec import UNSET
from blaaiz_async.types.customers import Customer, CustomerUpdate, StoredKycData, VerificationStatus
from blaaiz_async.types.kyb import OwnerUpsert, ReviewStatus

_KYC_FIELDS = frozenset(
    {
        "dob",
        "street",
        "city",
        "state",
        "zip_code",
        "id_expiry_date",
        "id_issue_date",
        "operating_street",
        "operating_city",
        "operating_state",
        "operating_zip_code",
        "operating_country",
    }
)
_REVIEWED = (ReviewStatus.APPROVED, ReviewStatus.PROCESSING)
_CORRECTION = (
    "a correction goes to support@blaaiz.com by e-mail, with your business name, the customer id, "
    "the old and new values, the reason and evidence"
)


@frozen(kw_only=True)
class UpdateCheck:
    """What `customers.check_update` found out, without a call."""

    allowed: tuple[str, ...]
    """Fields that may be set now."""
    locked: tuple[str, ...]
    """Fields that the platform would refuse to change, such as `email` or `owners.0`."""
    unknown: tuple[str, ...]
    """Fields whose stored value isn't in the customer that was given: read it with `customers.get` first."""
    reason: str
    """Why the locked ones are locked and what to do; empty if none is."""

    @property
    def ok(self) -> bool:
        """Whether the whole update may be sent."""
        return not self.locked and not self.unknown


def check_update(customer: Customer, update: CustomerUpdate) -> UpdateCheck:
    """Sort the fields of an update into those that may be set, those that are locked, and those that can't be told."""
    verdicts = {name: _field_verdict(customer, name) for name in update.given() if name != "owners"}
    verdicts |= {f"owners.{place}": _owner_verdict(customer, owner) for place, owner in enumerate(update.owners or ())}
    allowed, locked, unknown = (
        tuple(name for name, found in verdicts.items() if found == verdict) for verdict in ("allowed", "locked", "unknown")
    )
    return UpdateCheck(allowed=allowed, locked=locked, unknown=unknown, reason=_reason(customer) if locked else "")


_Verdict = Literal["allowed", "locked", "unknown"]


def _field_verdict(customer: Customer, name: str) -> _Verdict:
    status = customer.verification_status
    if status is VerificationStatus.PROCESSING:
        return "locked"
    if status is not VerificationStatus.VERIFIED:
        return "allowed"
    if _is_absent(customer, name):
        return "unknown"
    return "allowed" if _stored(customer, name) is None else "locked"


def _owner_verdict(customer: Customer, owner: OwnerUpsert) -> _Verdict:
    if customer.verification_status in (VerificationStatus.PROCESSING, VerificationStatus.VERIFIED):
        return "locked"
    if owner.id is UNSET:
        return "allowed"
    stored = next((one for one in customer.owners if one.id == owner.id), None)
    if stored is None:
        return "unknown"
    return "locked" if stored.status in _REVIEWED else "allowed"


def _reason(customer: Customer) -> str:
    if customer.verification_status is VerificationStatus.PROCESSING:
        return "the customer is under review (PROCESSING); wait for its end"
    if customer.verification_status is VerificationStatus.VERIFIED:
        return f"a VERIFIED customer's fields can't be changed once they hold a value; {_CORRECTION}"
    return f"an APPROVED or PROCESSING owner can't be changed; {_CORRECTION}"


def _holder(customer: Customer, name: str) -> Customer | StoredKycData | None:
    return customer.kyc_data if name in _KYC_FIELDS else customer


def _stored(customer: Customer, name: str) -> object:
    return getattr(_holder(customer, name), name, None)


def _is_absent(customer: Customer, name: str) -> bool:
    """Tell whether the platform didn't send this field, so that its stored value isn't known."""
    holder = _holder(customer, name)
    if holder is None:
        return not customer.holds("kyc_data")
    return not holder.holds(name)
