"""Customers: create, list, read, update, KYC data, beneficiaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import views
from .clock import today
from .exchange import Answer, refuse
from .owners import edit_owners, make_owners
from .state import Customer
from .storage import download_link
from .validation import Errors, properties

if TYPE_CHECKING:
    from .exchange import Exchange
    from .state import Platform

__all__ = ["HANDLERS", "check_identity", "check_operating"]

PAGE_SIZE = 15
_OWN = {
    "individual": properties("IndividualCustomerCreate"),
    "business": properties("BusinessCustomerCreate"),
}
_FOREIGN = {
    "individual": sorted(_OWN["business"] - _OWN["individual"]),
    "business": sorted(_OWN["individual"] - _OWN["business"]),
}
_REQUIRED = {
    "individual": ("email", "country", "first_name", "last_name", "id_type", "id_number"),
    "business": ("email", "country", "business_name", "registration_number", "incorporation_country"),
}
_KYC = properties("KycDataInput")
_OPERATING = sorted(name for name in _KYC if name.startswith("operating_"))
_EXACT_FILTERS = ("email", "id_number", "registration_number")
_TAKEN = (
    "Another business customer in this platform already has this registration_number + incorporation_country combination."
)
_MISMATCH = (
    "For business customers, country must equal incorporation_country "
    "(a company's registered office sits in its country of incorporation)."
)


def create(platform: Platform, call: Exchange) -> Answer:
    """Answer `customers_create`."""
    body, day, errors = call.json(), today(call.at), Errors()
    kind = body.get("type")
    if not isinstance(kind, str) or kind not in _OWN:
        if kind is None or kind == "":
            errors.add("type", "is required")
        else:
            errors.say("type", "The selected type is invalid.")
        for name in ("email", "country"):
            if not body.get(name):
                errors.add(name, "is required")
        raise errors.refusal()
    errors.prohibit(body, _FOREIGN[kind], kind)
    errors.check("BusinessCustomerCreate" if kind == "business" else "IndividualCustomerCreate", body)
    errors.require(body, _REQUIRED[kind])
    errors.countries(body)
    errors.postal(body, "zip_code", body.get("country"))
    if kind == "business":
        check_operating(errors, body, stored=None)
        errors.past(body, "incorporation_date", day)
        errors.owners(body.get("owners"), day)
    errors.refuse()

    scope = _scope_of_new(platform, body) if kind == "business" else None
    customer = Customer(
        id=platform.new_id(),
        type=kind,
        kyb_scope=scope,
        fields={name: body[name] for name in views.COLUMNS if name in body},
        kyc={name: body[name] for name in _KYC if name in body},
        kyc_id=platform.new_id(),
        created_at=call.at,
        updated_at=call.at,
    )
    check_identity(platform, customer.fields, own_id=None, mismatch=_MISMATCH, business=customer.is_business)
    customer.owners = make_owners(platform, body.get("owners") or [])
    platform.add_customer(customer)
    data = views.columns(customer, platform.business_id)
    return Answer(status=201, body={"message": "Customer created successfully.", "data": data}, customer_id=customer.id)


def list_(platform: Platform, call: Exchange) -> Answer:
    """Answer `customers_list`."""
    wanted = {name: call.query[name] for name in _EXACT_FILTERS if name in call.query}
    errors = Errors()
    status, kind = call.query.get("verification_status"), call.query.get("type")
    if status is not None and (status := status.upper()) not in {"PENDING", "PROCESSING", "VERIFIED", "REJECTED"}:
        errors.say("verification_status", "The selected verification status is invalid.")
    if kind is not None and (kind := kind.lower()) not in _OWN:
        errors.say("type", "The selected type is invalid.")
    errors.refuse()

    found = [
        each
        for each in platform.customers.values()
        if (status is None or each.status == status)
        and (kind is None or each.type == kind)
        and all(each.fields.get(name) == value for name, value in wanted.items())
    ]
    text = "Customers retrieved successfully."
    if call.query.get("paginate", "").lower() not in {"1", "true"}:
        return Answer(body={"message": text, "data": [views.summary(each, platform.business_id) for each in found]})

    found.reverse()
    asked = call.query.get("page", "1")
    page = max(1, int(asked)) if asked.isdecimal() else 1
    last = max(1, -(-len(found) // PAGE_SIZE))
    first_row = (page - 1) * PAGE_SIZE
    rows = found[first_row : first_row + PAGE_SIZE]
    path = f"{call.origin}{call.path}"
    return Answer(
        body={
            "message": text,
            "data": [views.summary(each, platform.business_id) for each in rows],
            "links": {
                "first": f"{path}?page=1",
                "last": f"{path}?page={last}",
                "prev": f"{path}?page={page - 1}" if page > 1 else None,
                "next": f"{path}?page={page + 1}" if page < last else None,
            },
            "meta": {
                "current_page": page,
                "from": first_row + 1 if rows else None,
                "last_page": last,
                "path": path,
                "per_page": PAGE_SIZE,
                "to": first_row + len(rows) if rows else None,
                "total": len(found),
            },
        }
    )


def get(platform: Platform, call: Exchange) -> Answer:
    """Answer `customers_get`."""
    customer = platform.customer(call.params["customer_id"])
    data = views.full(customer, platform.business_id, lambda upload: download_link(upload, call.origin, call.at))
    return Answer(body={"message": "Customer retrieved successfully", "data": data})


def update(platform: Platform, call: Exchange) -> Answer:
    """Answer `customers_update`: all or nothing."""
    customer = platform.customer(call.params["customer_id"])
    body, day, errors = call.json(), today(call.at), Errors()
    if customer.status == "PROCESSING":
        raise refuse(400, "Customer is under review and cannot be updated right now.", status=False)
    if "kyb_scope" in body:
        errors.say("kyb_scope", "The kyb scope field is prohibited. Use the upgrade-kyb-scope endpoint.")
    errors.prohibit(body, [name for name in _FOREIGN[customer.type] if name != "kyb_scope"], customer.type)
    errors.check("CustomerUpdate", body)
    errors.require(body, _REQUIRED[customer.type])
    if "email" in body and body["email"] is None:
        errors.add("email", "is required")
    errors.countries(body)
    errors.postal(body, "zip_code", body.get("country") or customer.fields.get("country"))
    check_operating(errors, body, stored=customer.kyc.get("operating_country"))
    errors.past(body, "incorporation_date", day)
    errors.owners(body.get("owners"), day)
    errors.refuse()

    changes = {name: body[name] for name in views.COLUMNS if name in body}
    kyc_changes = {name: body[name] for name in _KYC if name in body}
    if customer.status == "VERIFIED":
        stored = {**customer.kyc, **customer.fields}
        if any(stored.get(name) is not None for name in (*changes, *kyc_changes)):
            raise refuse(400, "Verified customers can only update fields that are currently null", status=False)
    fields = {**customer.fields, **changes}
    check_identity(platform, fields, own_id=customer.id, mismatch=_MISMATCH, business=customer.is_business)
    owners = edit_owners(platform, customer, body.get("owners") or [])

    before = customer.identity
    customer.fields, customer.owners, customer.updated_at = fields, owners, call.at
    customer.kyc.update(kyc_changes)
    platform.reindex(customer, before)
    data = views.columns(customer, platform.business_id)
    return Answer(body={"message": "Customer updated successfully", "data": data})


def add_kyc_data(platform: Platform, call: Exchange) -> Answer:
    """Answer `customers_add_kyc_data`; the locks of update are presumed here too (x-uncertain)."""
    customer = platform.customer(call.params["customer_id"])
    body, errors = call.json(), Errors()
    if customer.status == "PROCESSING":
        raise refuse(400, "Customer is under review and cannot be updated right now.", status=False)
    if not customer.is_business:
        errors.prohibit(body, _OPERATING, "individual")
    errors.check("KycDataInput", body)
    errors.countries(body)
    errors.postal(body, "zip_code", customer.fields.get("country"))
    check_operating(errors, body, stored=customer.kyc.get("operating_country"))
    errors.refuse()
    changes = {name: body[name] for name in _KYC if name in body}
    if customer.status == "VERIFIED" and any(customer.kyc.get(name) is not None for name in changes):
        raise refuse(400, "Verified customers can only update fields that are currently null", status=False)
    customer.kyc.update(changes)
    customer.updated_at = call.at
    kind = "Business customer" if customer.is_business else "Customer"
    data = {**views.columns(customer, platform.business_id), "kyc_data": views.kyc(customer)}
    return Answer(body={"message": f"{kind} KYC data updated successfully.", "data": data})


def list_beneficiaries(platform: Platform, call: Exchange) -> Answer:
    """Answer `customers_list_beneficiaries`."""
    customer = platform.customer(call.params["customer_id"])
    return Answer(body={"message": "Customers retrieved successfully.", "data": customer.beneficiaries})


def get_beneficiary(platform: Platform, call: Exchange) -> Answer:
    """Answer `customers_get_beneficiary`: a list of one, as documented."""
    customer = platform.customer(call.params["customer_id"])
    found = [each for each in customer.beneficiaries if each["id"] == call.params["beneficiary_id"]]
    if not found:
        raise refuse(404, "Beneficiary not found", status=False)
    return Answer(body={"message": "Customers retrieved successfully.", "data": found})


def check_identity(platform: Platform, fields: dict[str, Any], *, own_id: str | None, mismatch: str, business: bool) -> None:
    """Refuse with 422 a business whose countries differ or whose identity another business has."""
    if not business:
        return
    number, country, seat = (fields.get(name) for name in ("registration_number", "incorporation_country", "country"))
    if country is not None and seat is not None and country != seat:
        raise refuse(422, mismatch)
    if number and country and platform.identities.get((number, country), own_id) != own_id:
        raise refuse(422, _TAKEN)


def _scope_of_new(platform: Platform, body: dict[str, Any]) -> str:
    asked: str | None = body.get("kyb_scope")
    if asked == "MINIMAL" and not platform.minimal_kyb:
        text = "This platform is not configured for minimal KYB."
        raise refuse(422, text, errors={"kyb_scope": [text]})
    return asked or ("MINIMAL" if platform.minimal_kyb else "FULL")


def check_operating(errors: Errors, body: dict[str, Any], stored: str | None) -> None:
    """Note operating_* fields without a country, sent or stored, and a postal code that does not fit it."""
    sent = [name for name in _OPERATING if body.get(name) is not None]
    country = body.get("operating_country", stored)
    if sent and not country:
        errors.add("operating_country", "is required when any other operating field is sent")
    errors.postal(body, "operating_zip_code", country)


HANDLERS = {
    "customers_create": create,
    "customers_list": list_,
    "customers_get": get,
    "customers_update": update,
    "customers_add_kyc_data": add_kyc_data,
    "customers_list_beneficiaries": list_beneficiaries,
    "customers_get_beneficiary": get_beneficiary,
}
