"""The way from MINIMAL to FULL (contract/customers.yaml customers_upgrade_kyb_scope)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import views
from .clock import today
from .customers import check_identity, check_operating
from .exchange import Answer, refuse
from .owners import make_owners
from .readiness import has_twin_emails, plain, total_share
from .validation import Errors, properties

if TYPE_CHECKING:
    from .exchange import Exchange
    from .state import Platform

__all__ = ["HANDLERS"]

_FIELDS = properties("KybScopeUpgrade")


def upgrade(platform: Platform, call: Exchange) -> Answer:
    """Answer `customers_upgrade_kyb_scope`; the owners sent replace those stored, whose fate is undocumented."""
    customer = platform.customer(call.params["customer_id"])
    body, day, errors = call.json(), today(call.at), Errors()
    if not customer.is_business:
        raise refuse(422, "Only business customers can be upgraded.")
    if customer.status == "PROCESSING":
        raise refuse(400, "Customer is under review and cannot be upgraded right now.", status=False)
    if customer.kyb_scope == "FULL":
        raise refuse(422, "Customer is already at kyb_scope=FULL.")
    if not body.get("owners"):
        raise refuse(422, "owners is required and must contain at least one entry.")
    errors.check("KybScopeUpgrade", body)
    errors.countries(body)
    check_operating(errors, body, stored=customer.kyc.get("operating_country"))
    errors.past(body, "incorporation_date", day)
    errors.owners(body["owners"], day)
    errors.refuse()

    changes = {name: body[name] for name in views.COLUMNS if name in body and name in _FIELDS}
    fields = {**customer.fields, **changes}
    text = "country must equal incorporation_country."
    check_identity(platform, fields, own_id=customer.id, mismatch=text, business=True)
    owners = make_owners(platform, body["owners"])
    if (total := total_share(owners)) != 100:
        raise refuse(422, f"owners.ownership_percentage must sum to 100; got {plain(total)}.")
    if has_twin_emails(owners):
        raise refuse(422, "Owner emails must be unique within the customer.")

    before = customer.identity
    customer.fields, customer.owners, customer.kyb_scope = fields, owners, "FULL"
    customer.kyc.update({name: body[name] for name in views.KYC_FIELDS if name in body and name in _FIELDS})
    platform.reindex(customer, before)
    platform.move(customer, "PENDING" if customer.status == "VERIFIED" else customer.status)
    # The documented answer shows the shares as numbers here and as texts on reads.
    shown = [{**views.owner(owner), "ownership_percentage": owner.percentage} for owner in owners]
    text = "Customer KYB scope upgraded to FULL. Upload owner ID files and call /submit to re-verify."
    return Answer(body={"message": text, "data": {**views.columns(customer, platform.business_id), "owners": shown}})


HANDLERS = {"customers_upgrade_kyb_scope": upgrade}
