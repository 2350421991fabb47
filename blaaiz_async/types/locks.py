"""Which fields of a customer may still be changed (contract/customers.yaml x-state-machines.lock_matrix)."""

from attrs import frozen

from blaaiz_async.core.codec import UNSET
from blaaiz_async.types.customers import Customer, CustomerUpdate, ReviewStatus, StoredKycData, VerificationStatus

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
    "a correction goes to support@blaaiz.com by e-mail, with your business name, the customer id, the old and new values, "
    "the reason and evidence"
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
    given = [name for name in update.given() if name != "owners"]
    allowed: list[str] = []
    locked: list[str] = []
    unknown: list[str] = []
    reason = ""
    status = customer.verification_status
    if status is VerificationStatus.PROCESSING:
        locked = list(given)
        reason = "the customer is under review (PROCESSING); wait for its end"
    elif status is VerificationStatus.VERIFIED:
        for name in given:
            (unknown if _is_absent(customer, name) else allowed if _stored(customer, name) is None else locked).append(name)
        reason = f"a VERIFIED customer's fields can't be changed once they hold a value; {_CORRECTION}"
    else:
        allowed = list(given)
    statuses = {owner.id: owner.status for owner in customer.owners}
    for index, owner in enumerate(update.owners or ()):
        where = f"owners.{index}"
        if status in (VerificationStatus.PROCESSING, VerificationStatus.VERIFIED):
            locked.append(where)
        elif owner.id is UNSET:
            allowed.append(where)
        elif owner.id not in statuses:
            unknown.append(where)
        elif statuses[owner.id] in _REVIEWED:
            locked.append(where)
            reason = reason or f"an APPROVED or PROCESSING owner can't be changed; {_CORRECTION}"
        else:
            allowed.append(where)
    return UpdateCheck(
        allowed=tuple(allowed), locked=tuple(locked), unknown=tuple(unknown), reason=reason if locked else ""
    )


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
