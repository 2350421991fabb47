"""Customers, their KYC data and beneficiaries; owners and documents are in kyb.py.

Requests check themselves by the rules of contract/customers.yaml before anything is sent. In a request that creates,
None means "not given"; in one that changes, UNSET means "leave as it is" and None clears the field.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Annotated, ClassVar, Literal

import attrs
from attrs import frozen

from blaaiz_async.core.codec import UNSET, Answer, Id, OpenStrEnum, Request, Rule, UnsetType
from blaaiz_async.errors import Fault
from blaaiz_async.types.kyb import (
    MAX_OWNERS,
    KybDocument,
    Owner,
    Owners,
    OwnerUpgradeCreate,
    OwnerUpsert,
    owner_email_faults,
    owners_sum_faults,
)
from blaaiz_async.types.rules import Country, Email, Text, Website, longest

# -- values ------------------------------------------------------------------------------------------------------------

IndividualIdType = Literal["drivers_license", "passport", "resident_permit"]
"""Identity documents of an individual. A national ID card (`id_card`) is refused by the platform."""


BusinessType = Literal[
    "corporation", "government_entity", "llc", "non_profit", "other", "partnership", "sole_proprietorship"
]
SourceOfFunds = Literal["business_revenue", "business_loans", "investment_income", "third_party_funds", "other"]
EstimatedAnnualRevenue = Literal[
    "0_99999",
    "100000_499999",
    "500000_999999",
    "1000000_4999999",
    "5000000_24999999",
    "25000000_99999999",
    "100000000_249999999",
    "250000000_plus",
]
"""Yearly revenue band in USD."""
AccountPurpose = Literal[
    "receive_payments_for_goods_and_services",
    "send_payments_for_goods_and_services",
    "send_receive_funds_related_parties",
    "other",
]
KybScopeName = Literal["FULL", "MINIMAL"]
FileCategory = Literal["identity", "identity_back", "proof_of_address", "liveness_check"]


class CustomerType(OpenStrEnum):
    """Kind of customer; it fixes the fields and the verification flow."""

    INDIVIDUAL = "individual"
    BUSINESS = "business"


class KybScope(OpenStrEnum):
    """Onboarding depth of a business: FULL needs owners, MINIMAL doesn't."""

    FULL = "FULL"
    MINIMAL = "MINIMAL"


class VerificationStatus(OpenStrEnum):
    """State of a customer. VERIFIED is final, but for a scope upgrade; REJECTED can be mended and submitted again."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    VERIFIED = "VERIFIED"
    REJECTED = "REJECTED"


# -- requests ----------------------------------------------------------------------------------------------------------

BusinessDescription = Annotated[str, longest(2000)]
ExpectedMonthlyPayments = Annotated[int, Rule("range", lambda value: 0 <= value <= 1_000_000_000, "from 0 to 1000000000")]


@frozen(kw_only=True, repr=False)
class IndividualCustomer(Request):
    """A person to register (contract schema IndividualCustomerCreate)."""

    type: Literal["individual"] = "individual"
    email: Email
    country: Country
    """Where the identity document was issued; ISO 3166-1 alpha-2."""
    first_name: Text
    last_name: Text
    id_type: IndividualIdType
    id_number: Text
    phone: Text | None = None
    tin: Text | None = None
    """Tax number; ask `virtual_bank_accounts.get_identification_type` for its label in that country."""
    dob: date | None = None
    street: Text | None = None
    city: Text | None = None
    state: Text | None = None
    zip_code: Text | None = None
    id_expiry_date: date | None = None
    id_issue_date: date | None = None

    def __faults__(self, today: date) -> Iterator[Fault]:
        yield from _birth_faults(self.dob, today)


def _birth_faults(birth: date | None, today: date) -> Iterator[Fault]:
    if birth is not None and birth >= today:
        yield Fault(field="dob", rule="future", message="must be in the past")


@frozen(kw_only=True, repr=False)
class BusinessCustomer(Request):
    """A company to register (contract schema BusinessCustomerCreate)."""

    type: Literal["business"] = "business"
    kyb_scope: KybScopeName | None = None
    """None takes the platform's default for your business: MINIMAL if you are on its allow list, otherwise FULL."""
    email: Email
    country: Country
    """Must equal `incorporation_country`; ISO 3166-1 alpha-2."""
    business_name: Text
    registration_number: Text
    """Company number; unique together with `incorporation_country` among your customers."""
    incorporation_country: Country
    phone: Text | None = None
    tin: Text | None = None
    """Tax number; ask `virtual_bank_accounts.get_identification_type` for its label in that country."""
    street: Text | None = None
    city: Text | None = None
    state: Text | None = None
    zip_code: Text | None = None
    operating_street: Text | None = None
    operating_city: Text | None = None
    operating_state: Text | None = None
    operating_zip_code: Text | None = None
    operating_country: Country | None = None
    """Required as soon as another operating_* field is given; it may differ from `country`."""
    trading_name: Text | None = None
    business_type: BusinessType | None = None
    incorporation_date: date | None = None
    """In the past."""
    industry_type: Text | None = None
    business_description: BusinessDescription | None = None
    website: Website | None = None
    source_of_funds: SourceOfFunds | None = None
    estimated_annual_revenue: EstimatedAnnualRevenue | None = None
    expected_monthly_payments: ExpectedMonthlyPayments | None = None
    """A count, not an amount."""
    account_purpose: AccountPurpose | None = None
    owners: Owners | None = None

    def __faults__(self, today: date) -> Iterator[Fault]:
        yield from _country_faults(self.country, self.incorporation_country)
        if self.operating_country is None and any(getattr(self, name) is not None for name in _OPERATING):
            yield Fault(field="operating_country", rule="missing", message="is required with any operating_* field")
        yield from _incorporation_faults(self.incorporation_date, today)


_OPERATING = ("operating_street", "operating_city", "operating_state", "operating_zip_code")
CustomerCreate = IndividualCustomer | BusinessCustomer


def _country_faults(country: str | None, incorporation_country: str | None) -> Iterator[Fault]:
    if country is not None and incorporation_country is not None and country != incorporation_country:
        text = "must equal incorporation_country; give both the same code"
        yield Fault(field="country", rule="country_mismatch", message=text)


def _incorporation_faults(incorporated: date | None, today: date) -> Iterator[Fault]:
    if incorporated is not None and incorporated >= today:
        yield Fault(field="incorporation_date", rule="future", message="must be in the past")


@frozen(kw_only=True, repr=False)
class CustomerUpdate(Request):
    """Changes to a customer (contract schema CustomerUpdate). UNSET leaves a field as it is, None clears it.

    `kyb_scope` isn't among them: it changes by `customers.upgrade_kyb_scope` alone.
    """

    first_name: Text | None | UnsetType = UNSET
    last_name: Text | None | UnsetType = UNSET
    business_name: Text | None | UnsetType = UNSET
    email: Email | None | UnsetType = UNSET
    country: Country | None | UnsetType = UNSET
    id_type: IndividualIdType | None | UnsetType = UNSET
    id_number: Text | None | UnsetType = UNSET
    phone: Text | None | UnsetType = UNSET
    tin: Text | None | UnsetType = UNSET
    dob: date | None | UnsetType = UNSET
    street: Text | None | UnsetType = UNSET
    city: Text | None | UnsetType = UNSET
    state: Text | None | UnsetType = UNSET
    zip_code: Text | None | UnsetType = UNSET
    id_expiry_date: date | None | UnsetType = UNSET
    id_issue_date: date | None | UnsetType = UNSET
    operating_street: Text | None | UnsetType = UNSET
    operating_city: Text | None | UnsetType = UNSET
    operating_state: Text | None | UnsetType = UNSET
    operating_zip_code: Text | None | UnsetType = UNSET
    operating_country: Country | None | UnsetType = UNSET
    trading_name: Text | None | UnsetType = UNSET
    business_type: BusinessType | None | UnsetType = UNSET
    registration_number: Text | None | UnsetType = UNSET
    incorporation_country: Country | None | UnsetType = UNSET
    incorporation_date: date | None | UnsetType = UNSET
    industry_type: Text | None | UnsetType = UNSET
    business_description: BusinessDescription | None | UnsetType = UNSET
    website: Website | None | UnsetType = UNSET
    source_of_funds: SourceOfFunds | None | UnsetType = UNSET
    estimated_annual_revenue: EstimatedAnnualRevenue | None | UnsetType = UNSET
    expected_monthly_payments: ExpectedMonthlyPayments | None | UnsetType = UNSET
    account_purpose: AccountPurpose | None | UnsetType = UNSET
    owners: (
        Annotated[Sequence[OwnerUpsert], Rule("too_many", lambda value: len(value) <= MAX_OWNERS, "at most 5 owners")]
        | UnsetType
    ) = UNSET

    def given(self) -> tuple[str, ...]:
        """Return the names of the fields that this update would change, in their order."""
        return tuple(a.name for a in attrs.fields(type(self)) if getattr(self, a.name) is not UNSET)

    def __faults__(self, today: date) -> Iterator[Fault]:
        given = self.given()
        person = [name for name in given if name in INDIVIDUAL_FIELDS]
        company = [name for name in given if name in BUSINESS_FIELDS]
        if person and company:
            for name in person:
                text = f"can't go together with {company[0]}, a business's field"
                yield Fault(field=name, rule="mixed", message=text)
        yield from _country_faults(self.country or None, self.incorporation_country or None)
        yield from _incorporation_faults(self.incorporation_date or None, today)
        yield from _birth_faults(self.dob or None, today)

    def __repeatable__(self) -> bool:
        return self.owners is UNSET or all(owner.__repeatable__() for owner in self.owners)


INDIVIDUAL_FIELDS = frozenset({"first_name", "last_name", "id_type", "id_number"})
"""Fields of an update that only an individual has."""
BUSINESS_FIELDS = frozenset(
    {
        "business_name",
        "trading_name",
        "business_type",
        "registration_number",
        "incorporation_country",
        "incorporation_date",
        "industry_type",
        "business_description",
        "website",
        "source_of_funds",
        "estimated_annual_revenue",
        "expected_monthly_payments",
        "account_purpose",
        "owners",
        "operating_country",
        *_OPERATING,
    }
)
"""Fields of an update that only a business has."""


@frozen(kw_only=True, repr=False)
class KycData(Request):
    """Profile data that verification looks at (contract schema KycDataInput); operating_* is for a business only."""

    dob: date | None = None
    street: Text | None = None
    city: Text | None = None
    state: Text | None = None
    zip_code: Text | None = None
    id_expiry_date: date | None = None
    id_issue_date: date | None = None
    operating_street: Text | None = None
    operating_city: Text | None = None
    operating_state: Text | None = None
    operating_zip_code: Text | None = None
    operating_country: Country | None = None

    def __faults__(self, today: date) -> Iterator[Fault]:
        yield from _birth_faults(self.dob, today)


@frozen(kw_only=True, repr=False)
class KybScopeUpgrade(Request):
    """What a MINIMAL business adds to become FULL (contract schema KybScopeUpgrade)."""

    owners: Annotated[
        Sequence[OwnerUpgradeCreate],
        Rule("owners", lambda value: 1 <= len(value) <= MAX_OWNERS, "1 to 5 owners"),
    ]
    """Their percentages must sum to exactly 100, and their e-mail addresses must differ."""
    country: Country | None = None
    trading_name: Text | None = None
    business_type: BusinessType | None = None
    registration_number: Text | None = None
    incorporation_country: Country | None = None
    incorporation_date: date | None = None
    industry_type: Text | None = None
    business_description: BusinessDescription | None = None
    website: Website | None = None
    source_of_funds: SourceOfFunds | None = None
    estimated_annual_revenue: EstimatedAnnualRevenue | None = None
    expected_monthly_payments: ExpectedMonthlyPayments | None = None
    account_purpose: AccountPurpose | None = None
    operating_street: Text | None = None
    operating_city: Text | None = None
    operating_state: Text | None = None
    operating_zip_code: Text | None = None
    operating_country: Country | None = None

    def __faults__(self, today: date) -> Iterator[Fault]:
        if self.owners:
            yield from owners_sum_faults(self.owners)
            yield from owner_email_faults(self.owners)
        yield from _country_faults(self.country, self.incorporation_country)
        yield from _incorporation_faults(self.incorporation_date, today)


@frozen(kw_only=True, repr=False)
class KycSessionLink(Request):
    """Names the approved Signa session that verifies an individual."""

    _shown: ClassVar[tuple[str, ...]] = ("signa_session_id",)

    signa_session_id: Text


@frozen(kw_only=True, repr=False)
class CustomerFiles(Request):
    """Uploaded files to attach to an individual, by their file ids. `id_file` starts the verification."""

    _shown: ClassVar[tuple[str, ...]] = ("id_file", "id_file_back", "proof_of_address_file", "liveness_check_file")

    id_file: Text | None = None
    """Front of the identity document; its presence starts the verification, so send it last or with the others."""
    id_file_back: Text | None = None
    """Back of a two-sided document; a passport has none."""
    proof_of_address_file: Text | None = None
    liveness_check_file: Text | None = None

    def __faults__(self, today: date) -> Iterator[Fault]:
        del today
        if all(getattr(self, a.name) is None for a in attrs.fields(type(self))):
            yield Fault(field="", rule="empty", message="give at least one file id")


@frozen(kw_only=True, repr=False)
class FileUrlRequest(Request):
    """Says whose file, and of which kind, will be uploaded."""

    _shown: ClassVar[tuple[str, ...]] = ("customer_id", "file_category")

    customer_id: Text
    file_category: FileCategory


# -- answers -----------------------------------------------------------------------------------------------------------


@frozen(kw_only=True, repr=False)
class StoredKycData(Answer):
    """KYC profile data as the platform holds it; it may be empty."""

    _shown: ClassVar[tuple[str, ...]] = ("id",)

    id: Id | None = None
    dob: date | None = None
    street: str | None = None
    city: str | None = None
    state: str | None = None
    zip_code: str | None = None
    operating_street: str | None = None
    operating_city: str | None = None
    operating_state: str | None = None
    operating_zip_code: str | None = None
    operating_country: str | None = None
    id_expiry_date: date | None = None
    id_issue_date: date | None = None


@frozen(kw_only=True, repr=False)
class CustomerComment(Answer):
    """A remark of the reviewers on a customer."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "type")

    id: Id | None = None
    comment: str | None = None
    type: str | None = None
    created_at: datetime | None = None


@frozen(kw_only=True, repr=False)
class CustomerSummary(Answer):
    """A customer as a row of a list: without KYC data, owners and documents."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "type", "verification_status")

    id: Id
    type: CustomerType
    verification_status: VerificationStatus
    business_id: Id | None = None
    first_name: str | None = None
    last_name: str | None = None
    business_name: str | None = None
    email: str | None = None
    phone: str | None = None
    country: str | None = None
    id_type: str | None = None
    id_number: str | None = None
    registration_number: str | None = None
    incorporation_country: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@frozen(kw_only=True, repr=False)
class Customer(CustomerSummary):
    """A customer as the platform holds it. Some endpoints send only a few of its fields; `customers.get` sends all."""

    kyb_scope: KybScope | None = None
    trading_name: str | None = None
    business_type: str | None = None
    incorporation_date: date | None = None
    industry_type: str | None = None
    business_description: str | None = None
    website: str | None = None
    source_of_funds: str | None = None
    estimated_annual_revenue: str | None = None
    expected_monthly_payments: int | None = None
    account_purpose: str | None = None
    tin: str | None = None
    enhanced_due_diligence: bool | None = None
    """True blocks payouts for this customer."""
    kyc_data: StoredKycData | None = None
    owners: tuple[Owner, ...] = ()
    documents: tuple[KybDocument, ...] = ()
    recent_comments: tuple[CustomerComment, ...] = ()


@frozen(kw_only=True, repr=False)
class Beneficiary(Answer):
    """A beneficiary of a customer. Its documented shape is a copy of the customer's; anything else is in `extra`."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "type")

    id: Id
    business_id: Id | None = None
    first_name: str | None = None
    last_name: str | None = None
    business_name: str | None = None
    type: str | None = None
    email: str | None = None
    country: str | None = None
    id_type: str | None = None
    id_number: str | None = None
    verification_status: str | None = None
