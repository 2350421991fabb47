"""Typed async client for the Blaaiz Platform API.

Everything here loads on first use, so that importing the package costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blaaiz_async.client import AsyncBlaaiz
    from blaaiz_async.core.budget import RateBudget
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
        ConfigurationError,
        ConflictError,
        Fault,
        GoneError,
        InvalidRequestError,
        MissingScopeError,
        NotFoundError,
        OutcomeUnknownError,
        PermissionDeniedError,
        RateLimitError,
        ResponseDecodeError,
        ServerError,
        UnprocessableEntityError,
        UploadError,
        WebhookVerificationError,
    )
    from blaaiz_async.settings import Environment
    from blaaiz_async.types.customers import (
        BusinessCustomer,
        Customer,
        CustomerFiles,
        CustomerSummary,
        CustomerUpdate,
        DocumentCreate,
        DocumentUpdate,
        IndividualCustomer,
        KybScopeUpgrade,
        KycData,
        OwnerCreate,
        OwnerFiles,
        OwnerUpgradeCreate,
        OwnerUpsert,
    )

__all__ = [
    "UNSET",
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncBlaaiz",
    "AuthenticationError",
    "BadRequestError",
    "BlaaizError",
    "BusinessCustomer",
    "ConfigurationError",
    "ConflictError",
    "Customer",
    "CustomerFiles",
    "CustomerSummary",
    "CustomerUpdate",
    "DocumentCreate",
    "DocumentUpdate",
    "Environment",
    "Fault",
    "GoneError",
    "IndividualCustomer",
    "InvalidRequestError",
    "KybScopeUpgrade",
    "KycData",
    "MemoryTokenStore",
    "MissingScopeError",
    "NotFoundError",
    "OutcomeUnknownError",
    "OwnerCreate",
    "OwnerFiles",
    "OwnerUpgradeCreate",
    "OwnerUpsert",
    "Page",
    "PermissionDeniedError",
    "RateBudget",
    "RateLimitError",
    "RawResponse",
    "ResponseDecodeError",
    "RetryPolicy",
    "ServerError",
    "TokenStore",
    "UnprocessableEntityError",
    "UnsetType",
    "UploadError",
    "WebhookVerificationError",
]

__version__ = "0.1.0"

_ROOMS = {
    "AsyncBlaaiz": "client",
    "RateBudget": "core.budget",
    "RawResponse": "core.caller",
    "UNSET": "core.codec",
    "UnsetType": "core.codec",
    "Page": "core.paging",
    "RetryPolicy": "core.retry",
    "MemoryTokenStore": "core.tokens",
    "TokenStore": "core.tokens",
    "Environment": "settings",
    "BusinessCustomer": "types.customers",
    "Customer": "types.customers",
    "CustomerFiles": "types.customers",
    "CustomerSummary": "types.customers",
    "CustomerUpdate": "types.customers",
    "DocumentCreate": "types.customers",
    "DocumentUpdate": "types.customers",
    "IndividualCustomer": "types.customers",
    "KybScopeUpgrade": "types.customers",
    "KycData": "types.customers",
    "OwnerCreate": "types.customers",
    "OwnerFiles": "types.customers",
    "OwnerUpgradeCreate": "types.customers",
    "OwnerUpsert": "types.customers",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_ROOMS.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
