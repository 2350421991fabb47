"""Our types against the contract: every field of every schema is carried, every documented value is known."""

import types
import typing
from collections.abc import Iterator, Mapping
from enum import EnumType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import attrs
import pytest

from blaaiz_async import contract
from blaaiz_async.core import codec
from blaaiz_async.core.operation import OPERATIONS
from blaaiz_async.types import (
    banks,
    collections,
    common,
    crypto,
    currencies,
    customers,
    fees,
    interac_auto_deposit_emails,
    kyb,
    momo_operators,
    money,
    oauth,
    payouts,
    rates,
    refunds,
    signa,
    signa_id,
    swaps,
    transactions,
    virtual_bank_accounts,
    wallets,
    webhooks,
)

MODULES: Mapping[contract.DocName, tuple[types.ModuleType, ...]] = {
    "customers": (common, customers, kyb, oauth),
    "money": (
        *(banks, collections, common, currencies, fees, momo_operators, payouts, rates, refunds, swaps, transactions),
        *(virtual_bank_accounts, wallets),
    ),
    "events": (crypto, interac_auto_deposit_emails, signa, signa_id, webhooks),
}

RENAMED: Mapping[tuple[contract.DocName, str], type[Any]] = {
    ("customers", "IndividualCustomerCreate"): customers.IndividualCustomer,
    ("customers", "BusinessCustomerCreate"): customers.BusinessCustomer,
    ("customers", "KycDataInput"): customers.KycData,
    ("customers", "CustomerFilesAttach"): customers.CustomerFiles,
    ("customers", "OwnerFilesAttach"): kyb.OwnerFiles,
    ("customers", "KycData"): customers.StoredKycData,
    ("customers", "MessageResponse"): common.Message,
    ("customers", "FileUrlResponse"): common.UploadTarget,
    ("customers", "OAuthTokenResponse"): oauth.AccessToken,
    ("money", "MessageResponse"): common.Message,
    ("money", "CollectionCardRequest"): collections.CardCollection,
    ("money", "CollectionOpenBankingRequest"): collections.OpenBankingCollection,
    ("money", "CollectionInitiateResponse"): collections.CollectionInitiated,
    ("money", "CryptoCollectionRequest"): collections.CryptoCollection,
    ("money", "AttachCustomerRequest"): collections.CustomerAttachment,
    ("money", "InteracMoneyRequestResponse"): collections.InteracMoneyRequested,
    ("money", "AcceptInteracStandardRequest"): collections.InteracAcceptance,
    ("money", "SwapRequest"): swaps.Swap,
    ("money", "FeesBreakdownResponse"): fees.FeesBreakdown,
    ("money", "AccountLookupRequest"): banks.AccountLookup,
    ("money", "AccountLookupResponse"): banks.AccountHolder,
    ("money", "PayeeVerificationRequest"): banks.PayeeVerification,
    ("money", "PayeeVerificationResponse"): banks.PayeeMatch,
    ("money", "IbanVerificationRequest"): banks.IbanVerification,
    ("money", "IbanVerificationResponse"): banks.IbanReachability,
    ("money", "VirtualBankAccountCreateRequest"): virtual_bank_accounts.VirtualBankAccountCreate,
    ("money", "VirtualBankAccountCloseRequest"): virtual_bank_accounts.VirtualBankAccountClose,
    ("money", "VirtualBankAccountCloseResponse"): virtual_bank_accounts.VirtualBankAccountClosing,
    ("money", "TransactionListRequest"): transactions.TransactionFilters,
    ("events", "MessageOnly"): common.Message,
}
"""The class of a schema where it has another name."""

FLAT: Mapping[str, tuple[type[Any], ...]] = {
    "PayoutNgnBankTransfer": (payouts.Payout, payouts.NgnBankTransfer),
    "PayoutGbpBankTransfer": (payouts.Payout, payouts.GbpBankTransfer),
    "PayoutEurBankTransfer": (payouts.Payout, payouts.EurBankTransfer),
    "PayoutUsdAch": (payouts.Payout, payouts.UsdAch),
    "PayoutUsdWire": (payouts.Payout, payouts.UsdWire),
    "PayoutCadInterac": (payouts.Payout, payouts.CadInterac),
    "PayoutMobileMoney": (payouts.Payout, payouts.MobileMoney),
    "FeesBreakdownRequest": (fees.FeesQuery,),
}
"""Schemas of the money area whose fields several of our classes share, the amount's among them."""

NOT_TYPES: Mapping[contract.DocName, frozenset[str]] = {
    "customers": frozenset(
        {
            # Envelopes, which a call unwraps.
            *("CustomerResponse", "CustomerListResponse", "PaginatedCustomerListResponse", "PaginationLinks"),
            *("PaginationMeta", "BeneficiaryListResponse", "BeneficiaryResponse", "OwnerResponse", "DocumentResponse"),
            "DocumentListResponse",
            # Errors, which become exceptions (tests/core/test_caller.py).
            *("ErrorResponse", "ValidationErrorResponse", "OAuthErrorResponse"),
            # The form of the token call, written by services/oauth.py.
            "OAuthTokenRequest",
            # A webhook delivery: not an answer of this area's calls.
            "CustomerStatusChangedEvent",
        }
    ),
    "money": frozenset(
        {
            # Errors.
            *("Error", "ValidationError"),
            # Envelopes.
            *("CryptoCollectionResponse", "CryptoNetworksEnvelope", "CryptoNetworksResponse", "PayoutResponse"),
            *("RefundResponse", "SwapResponse", "RateListResponse", "VirtualBankAccountResponse"),
            *("VirtualBankAccountListResponse", "IdentificationTypeResponse", "PageLinks", "PageMeta"),
            *("TransactionListResponse", "TransactionResponse", "AutoDepositPageMeta"),
            # InteracAcceptance without its answer.
            "AcceptInteracAutoDepositRequest",
            # x-rules of payouts_initiate: "Do not use method crypto: it was withdrawn on 2026-08-12 …"
            "PayoutCryptoDiscontinued",
        }
    ),
    "events": frozenset(
        {
            "Error",
            # Envelopes.
            *("SignaSessionResponse", "SignaCreateSessionResponse", "SignaListSessionsResponse"),
            *("SignaDocumentUploadUrlResponse", "SignaVerificationLinkResponse", "SignaCaptureLinkResponse"),
            *("SignaAccessTokenResponse", "SignaListDocumentsResponse", "SignaDocumentDownloadResponse"),
            *("SignaCreatedReleaseResponse", "SignaReleaseReadResponse", "CryptoTransactionPage", "CryptoAssetsResponse"),
            *("CryptoWalletsResponse", "CryptoWalletResponse", "CryptoAddressesResponse", "CryptoTransactionResponse"),
            *("CryptoPayoutResponse", "CryptoSwapResponse", "AutoDepositEmailResponse", "PageLinks", "PageMetaLink"),
            *("PageMeta", "AutoDepositEmailPage", "WebhookRegisterResponse", "WebhookLogPage", "WebhookLogDetailResponse"),
            # Webhook deliveries and their parts: no answers of calls.
            *("WebhookBankSource", "WebhookInteracSource", "WebhookVirtualBankAccount", "CollectionWebhook"),
            *("WebhookRecipient", "InteracInstruction", "PayoutWebhook", "RefundWebhook", "CryptoPayoutWebhook"),
            *("CryptoDepositWebhook", "CustomerStatusChangedWebhook", "VirtualAccountCreatedWebhook"),
            *("VirtualAccountReadyWebhook", "VirtualAccountRefusedWebhook", "AutoDepositEmailWebhook"),
            *("KycSessionCompletedWebhook", "KycSessionExpiredWebhook", "SignaIdGrantRevokedWebhook"),
        }
    ),
}


def schemas(doc: contract.DocName) -> dict[str, Any]:
    found: dict[str, Any] = contract.document(doc)["components"]["schemas"]
    return found


SCHEMAS = [(doc, name) for doc in contract.DOC_NAMES for name, schema in schemas(doc).items() if "properties" in schema]


def classes_of(doc: contract.DocName, name: str) -> tuple[type[Any], ...]:
    """Return the classes that carry a schema, none for what isn't a type."""
    if name in NOT_TYPES[doc]:
        return ()
    if doc == "money" and name in FLAT:
        return FLAT[name]
    found = RENAMED.get((doc, name)) or next(getattr(module, name) for module in MODULES[doc] if hasattr(module, name))
    return (found,)


def fields_of(*classes: type[Any]) -> dict[str, Any]:
    """Return the annotations of all fields, by the names on the wire."""
    found: dict[str, Any] = {}
    for cls in classes:
        hints = typing.get_type_hints(cls, include_extras=True)
        found |= {a.name: hints[a.name] for a in attrs.fields(cls) if a.name not in ("extra", "_keys")}
    if classes[0] in (payouts.Payout, fees.FeesQuery):
        found.pop("destination", None)
        found.pop("amount")
        found |= fields_of(money.SendAmount) | fields_of(money.ReceiveAmount)
    return found


CARRIED = [(doc, name) for doc, name in SCHEMAS if name not in NOT_TYPES[doc]]


@pytest.mark.parametrize(("doc", "name"), CARRIED)
def test_every_field_of_every_schema_is_carried(doc: contract.DocName, name: str) -> None:
    classes = classes_of(doc, name)
    ours, theirs = set(fields_of(*classes)), set(schemas(doc)[name]["properties"])
    assert ours >= theirs
    if issubclass(classes[0], codec.Request):
        assert ours == theirs


@pytest.mark.parametrize("doc", contract.DOC_NAMES)
def test_what_is_no_type_is_a_schema_all_the_same(doc: contract.DocName) -> None:
    assert NOT_TYPES[doc] <= {name for each, name in SCHEMAS if each == doc}


def test_every_class_of_a_request_is_that_of_a_schema() -> None:
    known = {cls for doc, name in CARRIED for cls in classes_of(doc, name)}
    assert {kind for each in OPERATIONS.values() for kind in each.body} <= known


def keys(cls: type[Any]) -> set[str]:
    """Return the fields that the library fills where the caller doesn't."""
    bodied = [each for each in OPERATIONS.values() if cls in each.body]
    return {each.key.field for each in bodied if each.key is not None and not each.key.header}


REQUESTS = [(doc, name) for doc, name in CARRIED if issubclass(classes_of(doc, name)[0], codec.Request)]


@pytest.mark.parametrize(("doc", "name"), REQUESTS)
def test_a_request_requires_what_the_contract_requires(doc: contract.DocName, name: str) -> None:
    ours: set[str] = set()
    for cls in classes_of(doc, name):
        # A constant is always sent: type="business".
        ours |= {a.name for a in attrs.fields(cls) if a.default is attrs.NOTHING or type(a.default) is str}
    sides = {"from_amount", "to_amount"}
    theirs = set(schemas(doc)[name].get("required", ())) - sides
    ours -= {"amount", "destination"} - set(fields_of(*classes_of(doc, name)))
    assert theirs - keys(classes_of(doc, name)[0]) - LEFT_TO_ONE_OF_TWO.get(name, set()) == ours


LEFT_TO_ONE_OF_TWO: Mapping[str, set[str]] = {"AcceptInteracStandardRequest": {"security_answer"}}
"""What one of two schemas that a class serves requires, and the other doesn't have."""

# -- values ------------------------------------------------------------------------------------------------------------

ENUMS = {
    "CustomerType": customers.CustomerType,
    "KybScope": customers.KybScope,
    "VerificationStatus": customers.VerificationStatus,
    "ReviewStatus": kyb.ReviewStatus,
    "IndividualIdType": customers.IndividualIdType,
    "OwnerIdDocumentType": kyb.OwnerIdDocumentType,
    "BusinessType": customers.BusinessType,
    "SourceOfFunds": customers.SourceOfFunds,
    "EstimatedAnnualRevenue": customers.EstimatedAnnualRevenue,
    "AccountPurpose": customers.AccountPurpose,
    "KybDocumentType": kyb.KybDocumentTypeName,
    "FileCategory": customers.FileCategory,
    "OwnerFileCategory": kyb.OwnerFileCategory,
}


@pytest.mark.parametrize("name", ENUMS)
def test_every_documented_value_of_an_enum_is_known(name: str) -> None:
    assert sorted(schemas("customers")[name]["enum"]) == sorted(values_of(ENUMS[name]))
    assert set(schemas("customers")["FormationDocumentType"]["enum"]) == kyb.FORMATION_DOCUMENTS


def values_of(annotation: Any) -> list[str]:
    """Return the values that an annotation names; none if it takes any text."""
    if isinstance(annotation, EnumType):
        members: list[Any] = list(annotation)
        return [member.value for member in members]
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    inside: tuple[Any, ...] = ()
    if get_origin(annotation) is Annotated:
        inside = (annotation.__origin__,)
    elif get_origin(annotation) in (Union, types.UnionType) or get_args(annotation):
        inside = get_args(annotation)
    return [value for member in inside for value in values_of(member)]


def documented_values(doc: contract.DocName, field: Mapping[str, Any]) -> list[str]:
    """Return the values that a schema names for a field, or for the items of it."""
    if "$ref" in field:
        return documented_values(doc, schemas(doc)[field["$ref"].rpartition("/")[2]])
    if "const" in field:
        return [field["const"]]
    found = [value for value in field.get("enum", ()) if isinstance(value, str)]
    for choice in (*field.get("anyOf", ()), *field.get("oneOf", ()), *([field["items"]] if "items" in field else ())):
        found += documented_values(doc, choice)
    return found


def valued() -> Iterator[Any]:
    for doc, name in CARRIED:
        for field, schema in schemas(doc)[name]["properties"].items():
            if values := documented_values(doc, schema):
                yield pytest.param(doc, name, field, values, id=f"{doc}-{name}.{field}")


FREE_TEXT = frozenset(
    {
        ("KybDocument", "type"),
        ("Refund", "type"),
        ("SwapTransaction", "amount_type"),
        ("SwapDetails", "amount_type"),
        ("SignaSessionDocument", "document_side"),
        ("SignaSessionDocument", "content_type"),
        ("SignaDocumentDownload", "content_type"),
        ("SignaReleasedVerification", "status"),
        ("SignaReleasedVerification", "liveness"),
        ("SignaReleasedVerification", "face_match"),
    }
)
"""Fields of answers that are plain text although their values are documented: nothing is decided by them."""


@pytest.mark.parametrize(("doc", "name", "field", "values"), list(valued()))
def test_a_field_knows_the_values_that_are_documented_for_it(
    doc: contract.DocName, name: str, field: str, values: list[str]
) -> None:
    classes = classes_of(doc, name)
    ours = set(values_of(fields_of(*classes)[field]))
    if issubclass(classes[0], codec.Request):
        assert ours == set(values)  # anything else would be refused
    else:
        assert ours >= (set() if (name, field) in FREE_TEXT else set(values))
