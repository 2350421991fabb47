"""Typed async client for the Blaaiz Platform API.

Everything here loads on first use, so that importing the package costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blaaiz_async.client import AsyncBlaaiz
    from blaaiz_async.core.budget import Budget, RateBudget
    from blaaiz_async.core.caller import RawResponse
    from blaaiz_async.core.codec import UNSET, UnsetType
    from blaaiz_async.core.paging import Page
    from blaaiz_async.core.retry import RetryPolicy
    from blaaiz_async.core.tokens import MemoryTokenStore, TokenStore
    from blaaiz_async.errors import (
        APIConnectionError,
        APIStatusError,
        APITimeoutError,
        AuthenticationError,
        BadRequestError,
        BlaaizError,
        CannotLookError,
        ConfigurationError,
        ConflictError,
        CustomerNotVerifiedError,
        Fault,
        GoneError,
        InvalidRequestError,
        MissingScopeError,
        NotFoundError,
        NotSettledError,
        OutcomeUnknownError,
        PermissionDeniedError,
        RateLimitError,
        ResponseDecodeError,
        ServerError,
        UnprocessableEntityError,
        UnreadableOutcomeError,
        UploadError,
        WebhookVerificationError,
        WorkflowError,
    )
    from blaaiz_async.health import ClientStatistics, Health
    from blaaiz_async.settings import Environment
    from blaaiz_async.types.banks import AccountLookup, IbanVerification, PayeeVerification
    from blaaiz_async.types.collections import (
        CardCollection,
        CryptoCollection,
        CustomerAttachment,
        InteracAcceptance,
        InteracMoneyRequest,
        OpenBankingCollection,
    )
    from blaaiz_async.types.crypto import (
        CryptoCreateCustomerAddressesRequest,
        CryptoCreateWalletRequest,
        CryptoPayoutRequest,
        CryptoSwapRequest,
    )
    from blaaiz_async.types.customers import (
        BusinessCustomer,
        Customer,
        CustomerFiles,
        CustomerSummary,
        CustomerUpdate,
        IndividualCustomer,
        KybScopeUpgrade,
        KycData,
    )
    from blaaiz_async.types.fees import FeesQuery
    from blaaiz_async.types.interac_auto_deposit_emails import AutoDepositEmailCreateRequest
    from blaaiz_async.types.kyb import (
        DocumentCreate,
        DocumentUpdate,
        OwnerCreate,
        OwnerFiles,
        OwnerUpgradeCreate,
        OwnerUpsert,
    )
    from blaaiz_async.types.money import ReceiveAmount, SendAmount
    from blaaiz_async.types.payouts import (
        CadInterac,
        EurBankTransfer,
        GbpBankTransfer,
        MobileMoney,
        NgnBankTransfer,
        Payout,
        UsdAch,
        UsdWire,
    )
    from blaaiz_async.types.refunds import RefundRequest
    from blaaiz_async.types.signa import (
        SignaApplicantInput,
        SignaCreateSessionRequest,
        SignaDocumentUploadUrlRequest,
        SignaUploadDocumentRequest,
    )
    from blaaiz_async.types.signa_id import SignaCreateReleaseRequest
    from blaaiz_async.types.swaps import Swap
    from blaaiz_async.types.transactions import TransactionFilters
    from blaaiz_async.types.virtual_bank_accounts import VirtualBankAccountCreate
    from blaaiz_async.types.webhooks import (
        SimulateInteracRequest,
        WebhookRegisterRequest,
        WebhookReplayRequest,
        WebhookUpdateRequest,
    )

__all__ = [
    "UNSET",
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AccountLookup",
    "AsyncBlaaiz",
    "AuthenticationError",
    "AutoDepositEmailCreateRequest",
    "BadRequestError",
    "BlaaizError",
    "Budget",
    "BusinessCustomer",
    "CadInterac",
    "CannotLookError",
    "CardCollection",
    "ClientStatistics",
    "ConfigurationError",
    "ConflictError",
    "CryptoCollection",
    "CryptoCreateCustomerAddressesRequest",
    "CryptoCreateWalletRequest",
    "CryptoPayoutRequest",
    "CryptoSwapRequest",
    "Customer",
    "CustomerAttachment",
    "CustomerFiles",
    "CustomerNotVerifiedError",
    "CustomerSummary",
    "CustomerUpdate",
    "DocumentCreate",
    "DocumentUpdate",
    "Environment",
    "EurBankTransfer",
    "Fault",
    "FeesQuery",
    "GbpBankTransfer",
    "GoneError",
    "Health",
    "IbanVerification",
    "IndividualCustomer",
    "InteracAcceptance",
    "InteracMoneyRequest",
    "InvalidRequestError",
    "KybScopeUpgrade",
    "KycData",
    "MemoryTokenStore",
    "MissingScopeError",
    "MobileMoney",
    "NgnBankTransfer",
    "NotFoundError",
    "NotSettledError",
    "OpenBankingCollection",
    "OutcomeUnknownError",
    "OwnerCreate",
    "OwnerFiles",
    "OwnerUpgradeCreate",
    "OwnerUpsert",
    "Page",
    "PayeeVerification",
    "Payout",
    "PermissionDeniedError",
    "RateBudget",
    "RateLimitError",
    "RawResponse",
    "ReceiveAmount",
    "RefundRequest",
    "ResponseDecodeError",
    "RetryPolicy",
    "SendAmount",
    "ServerError",
    "SignaApplicantInput",
    "SignaCreateReleaseRequest",
    "SignaCreateSessionRequest",
    "SignaDocumentUploadUrlRequest",
    "SignaUploadDocumentRequest",
    "SimulateInteracRequest",
    "Swap",
    "TokenStore",
    "TransactionFilters",
    "UnprocessableEntityError",
    "UnreadableOutcomeError",
    "UnsetType",
    "UploadError",
    "UsdAch",
    "UsdWire",
    "VirtualBankAccountCreate",
    "WebhookRegisterRequest",
    "WebhookReplayRequest",
    "WebhookUpdateRequest",
    "WebhookVerificationError",
    "WorkflowError",
]

__version__ = "0.1.0"

_ROOMS = {
    "AsyncBlaaiz": "client",
    "Budget": "core.budget",
    "RateBudget": "core.budget",
    "RawResponse": "core.caller",
    "UNSET": "core.codec",
    "UnsetType": "core.codec",
    "Page": "core.paging",
    "RetryPolicy": "core.retry",
    "MemoryTokenStore": "core.tokens",
    "TokenStore": "core.tokens",
    "ClientStatistics": "health",
    "Health": "health",
    "Environment": "settings",
    "BusinessCustomer": "types.customers",
    "Customer": "types.customers",
    "CustomerFiles": "types.customers",
    "CustomerSummary": "types.customers",
    "CustomerUpdate": "types.customers",
    "DocumentCreate": "types.kyb",
    "DocumentUpdate": "types.kyb",
    "IndividualCustomer": "types.customers",
    "KybScopeUpgrade": "types.customers",
    "KycData": "types.customers",
    "OwnerCreate": "types.kyb",
    "OwnerFiles": "types.kyb",
    "OwnerUpgradeCreate": "types.kyb",
    "OwnerUpsert": "types.kyb",
    "AccountLookup": "types.banks",
    "IbanVerification": "types.banks",
    "PayeeVerification": "types.banks",
    "CardCollection": "types.collections",
    "CryptoCollection": "types.collections",
    "CustomerAttachment": "types.collections",
    "InteracAcceptance": "types.collections",
    "InteracMoneyRequest": "types.collections",
    "OpenBankingCollection": "types.collections",
    "FeesQuery": "types.fees",
    "ReceiveAmount": "types.money",
    "SendAmount": "types.money",
    "CadInterac": "types.payouts",
    "EurBankTransfer": "types.payouts",
    "GbpBankTransfer": "types.payouts",
    "MobileMoney": "types.payouts",
    "NgnBankTransfer": "types.payouts",
    "Payout": "types.payouts",
    "UsdAch": "types.payouts",
    "UsdWire": "types.payouts",
    "RefundRequest": "types.refunds",
    "Swap": "types.swaps",
    "TransactionFilters": "types.transactions",
    "VirtualBankAccountCreate": "types.virtual_bank_accounts",
    "CryptoCreateCustomerAddressesRequest": "types.crypto",
    "CryptoCreateWalletRequest": "types.crypto",
    "CryptoPayoutRequest": "types.crypto",
    "CryptoSwapRequest": "types.crypto",
    "AutoDepositEmailCreateRequest": "types.interac_auto_deposit_emails",
    "SignaApplicantInput": "types.signa",
    "SignaCreateSessionRequest": "types.signa",
    "SignaDocumentUploadUrlRequest": "types.signa",
    "SignaUploadDocumentRequest": "types.signa",
    "SignaCreateReleaseRequest": "types.signa_id",
    "SimulateInteracRequest": "types.webhooks",
    "WebhookRegisterRequest": "types.webhooks",
    "WebhookReplayRequest": "types.webhooks",
    "WebhookUpdateRequest": "types.webhooks",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_ROOMS.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
