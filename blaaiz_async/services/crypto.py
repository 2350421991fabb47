"""Crypto (contract/events.yaml crypto_*): assets, wallets, deposit addresses, payouts and swaps."""

import warnings
from collections.abc import AsyncIterator, Mapping
from datetime import date
from typing import Any, TypedDict, Unpack

from blaaiz_async.core import paging
from blaaiz_async.core.operation import Key, Look, Safety, list_operation, operation
from blaaiz_async.core.paging import Page
from blaaiz_async.services.base import Service, query_of
from blaaiz_async.types.crypto import (
    CryptoAddress,
    CryptoAsset,
    CryptoCreateCustomerAddressesRequest,
    CryptoCreateWalletRequest,
    CryptoPayout,
    CryptoPayoutRequest,
    CryptoSwap,
    CryptoSwapRequest,
    CryptoTransaction,
    CryptoWallet,
)

_CRYPTO = "/api/external/crypto"
_WALLETS = _CRYPTO + "/wallets"
_WALLET = _WALLETS + "/{walletId}"

LIST_ASSETS = list_operation("crypto_list_assets", _CRYPTO + "/assets", CryptoAsset, scope="crypto-asset:read")
LIST_WALLETS = list_operation("crypto_list_wallets", _WALLETS, CryptoWallet, scope="crypto-wallet:read")
CREATE_WALLET = operation(
    "crypto_create_wallet",
    "POST",
    _WALLETS,
    CryptoWallet,
    scope="crypto-wallet:create",
    body=CryptoCreateWalletRequest,
    look=Look(read=LIST_WALLETS, ask=lambda _: {}),
    deprecated="create business wallets on the dashboard",
)
GET_WALLET = operation("crypto_get_wallet", "GET", _WALLET, CryptoWallet, scope="crypto-wallet:read")
LIST_WALLET_ADDRESSES = list_operation(
    "crypto_list_wallet_addresses", _WALLET + "/addresses", CryptoAddress, scope="crypto-wallet:read"
)
CREATE_CUSTOMER_WALLET_ADDRESSES = list_operation(
    "crypto_create_customer_wallet_addresses",
    _WALLET + "/addresses",
    CryptoAddress,
    scope="crypto-wallet:create",
    method="POST",
    safety=Safety.WRITE,
    body=CryptoCreateCustomerAddressesRequest,
    look=Look(
        read=LIST_WALLET_ADDRESSES,
        ask=lambda asked: {
            "path": {"walletId": asked.path["walletId"]},
            "query": {"customer_id": asked.request.customer_id},
        },
    ),
)
LIST_WALLET_TRANSACTIONS = list_operation(
    "crypto_list_wallet_transactions", _WALLET + "/transactions", CryptoTransaction, scope="crypto-transaction:read"
)
LIST_TRANSACTIONS = list_operation(
    "crypto_list_transactions", _CRYPTO + "/transactions", CryptoTransaction, scope="crypto-transaction:read"
)
GET_TRANSACTION = operation(
    "crypto_get_transaction",
    "GET",
    _CRYPTO + "/transactions/{transactionId}",
    CryptoTransaction,
    scope="crypto-transaction:read",
)
CREATE_PAYOUT = operation(
    "crypto_create_payout",
    "POST",
    _CRYPTO + "/payouts",
    CryptoPayout,
    scope="crypto-payout:create",
    body=CryptoPayoutRequest,
    key=Key(field="idempotency-key", header=True),
)
CREATE_SWAP = operation(
    "crypto_create_swap",
    "POST",
    _CRYPTO + "/swaps",
    CryptoSwap,
    scope="crypto-swap:create",
    body=CryptoSwapRequest,
    key=Key(field="idempotency-key", header=True),
)


class CryptoFilters(TypedDict, total=False):
    """What the listing of a wallet's transactions is filtered by."""

    customer_id: str | None
    status: str | None
    """processing, successful or failed."""
    type: str | None
    """payout or swap."""
    direction: str | None
    """in or out: the leg of a swap."""
    start_date: date | None
    end_date: date | None
    search_term: str | None
    per_page: int | None
    """1 to 100."""


class CryptoTransactionFilters(CryptoFilters, total=False):
    """What the listing of all transactions is filtered by."""

    wallet_id: str | None


class CryptoService(Service):
    """Crypto wallets of your business. Amounts are exact: Decimal or int, in units of the currency."""

    async def list_assets(self) -> list[CryptoAsset]:
        """Return the active currencies with their active networks.

        Scope `crypto-asset:read`; operation crypto_list_assets.
        """
        return await self._call(LIST_ASSETS)

    async def list_wallets(self) -> list[CryptoWallet]:
        """Return all crypto wallets. They are made on the dashboard.

        Scope `crypto-wallet:read`; operation crypto_list_wallets.
        """
        return await self._call(LIST_WALLETS)

    async def create_wallet(self, request: CryptoCreateWalletRequest | Mapping[str, Any]) -> CryptoWallet:
        """Make a crypto wallet. Deprecated: business wallets are made on the dashboard.

        Args:
            request: The currency, by id or by symbol.

        Raises:
            BadRequestError: The wallet exists, or your business isn't approved.
            OutcomeUnknownError: The answer was lost; `list_wallets` tells.

        Scope `crypto-wallet:create`; operation crypto_create_wallet.
        """
        warnings.warn(f"create_wallet: {CREATE_WALLET.deprecated}", DeprecationWarning, stacklevel=2)
        return await self._call(CREATE_WALLET, body=request)

    async def get_wallet(self, wallet_id: str) -> CryptoWallet:
        """Return a crypto wallet with its balance.

        Raises:
            NotFoundError: There is no such wallet in your business.

        Scope `crypto-wallet:read`; operation crypto_get_wallet.
        """
        return await self._call(GET_WALLET, path={"walletId": wallet_id})

    async def list_wallet_addresses(self, wallet_id: str, *, customer_id: str | None = None) -> list[CryptoAddress]:
        """Return the deposit addresses of a wallet.

        Args:
            wallet_id: Which wallet.
            customer_id: Only this customer's; None returns all.

        Scope `crypto-wallet:read`; operation crypto_list_wallet_addresses.
        """
        return await self._call(LIST_WALLET_ADDRESSES, path={"walletId": wallet_id}, query={"customer_id": customer_id})

    async def create_customer_wallet_addresses(
        self, wallet_id: str, request: CryptoCreateCustomerAddressesRequest | Mapping[str, Any]
    ) -> list[CryptoAddress]:
        """Make deposit addresses for a customer, one on every active network of the wallet.

        What arrives there is credited to your wallet; the customer gets no balance.

        Args:
            wallet_id: Which wallet.
            request: The customer, who must be VERIFIED and not under Enhanced Due Diligence.

        Raises:
            ConflictError: They are being made. Don't ask again: contact support if they don't appear.
            OutcomeUnknownError: The answer was lost: `list_wallet_addresses` with this customer tells.

        Scope `crypto-wallet:create`; operation crypto_create_customer_wallet_addresses.
        """
        return await self._call(CREATE_CUSTOMER_WALLET_ADDRESSES, path={"walletId": wallet_id}, body=request)

    async def list_wallet_transactions(
        self,
        wallet_id: str,
        page: int = 1,
        **filters: Unpack[CryptoFilters],
    ) -> Page[CryptoTransaction]:
        """Return one page of the payouts and swaps of a wallet that were made through the API.

        Args:
            wallet_id: Which wallet.
            page: Counted from 1.
            filters: `customer_id`; `status` (processing, successful or failed); `type` (payout or swap); `direction` (in or
                out: the leg of a swap); `start_date` and `end_date`, the first and the last day; `search_term`, a reference
                or another searchable value; `per_page`, 1 to 100, otherwise 10.

        Raises:
            NotFoundError: There is no such wallet in your business.

        Scope `crypto-transaction:read`; operation crypto_list_wallet_transactions.
        """
        path = {"walletId": wallet_id}
        query = query_of(CryptoFilters, filters)
        return await self._caller.page(LIST_WALLET_TRANSACTIONS, number=page, path=path, query=query)

    def iterate_wallet_transactions(
        self,
        wallet_id: str,
        **filters: Unpack[CryptoFilters],
    ) -> AsyncIterator[CryptoTransaction]:
        """Yield all payouts and swaps of a wallet that were made through the API, a page at a time.

        Arguments as in `list_wallet_transactions`.

        Scope `crypto-transaction:read`; operation crypto_list_wallet_transactions.
        """
        asked: CryptoFilters = {"per_page": 100, **filters}
        return paging.iterate(lambda number: self.list_wallet_transactions(wallet_id, number, **asked))

    async def list_transactions(
        self,
        page: int = 1,
        **filters: Unpack[CryptoTransactionFilters],
    ) -> Page[CryptoTransaction]:
        """Return one page of the payouts and swaps of all wallets that were made through the API.

        Args:
            page: Counted from 1.
            filters: `wallet_id`; `customer_id`; `status` (processing, successful or failed); `type` (payout or swap);
                `direction` (in or out: the leg of a swap); `start_date` and `end_date`, the first and the last day;
                `search_term`, a reference or another searchable value; `per_page`, 1 to 100, otherwise 10.

        Returns:
            Transactions, perhaps with fewer fields than `get_transaction` gives.

        Scope `crypto-transaction:read`; operation crypto_list_transactions.
        """
        query = query_of(CryptoTransactionFilters, filters)
        return await self._caller.page(LIST_TRANSACTIONS, number=page, query=query)

    def iterate_transactions(
        self,
        **filters: Unpack[CryptoTransactionFilters],
    ) -> AsyncIterator[CryptoTransaction]:
        """Yield all payouts and swaps of all wallets that were made through the API, a page at a time.

        Arguments as in `list_transactions`.

        Scope `crypto-transaction:read`; operation crypto_list_transactions.
        """
        asked: CryptoTransactionFilters = {"per_page": 100, **filters}
        return paging.iterate(lambda number: self.list_transactions(number, **asked))

    async def get_transaction(self, transaction_id: str) -> CryptoTransaction:
        """Return a payout or a leg of a swap. `transactions.get` tells more of a fiat leg, by `fiat_transaction_id`.

        Raises:
            NotFoundError: There is none in your business, or it wasn't made through the API.

        Scope `crypto-transaction:read`; operation crypto_get_transaction.
        """
        return await self._call(GET_TRANSACTION, path={"transactionId": transaction_id})

    async def create_payout(
        self, payout: CryptoPayoutRequest | Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> CryptoPayout:
        """Send crypto to an address outside Blaaiz, once, however the network behaves.

        Args:
            payout: From which wallet, for which customer, how much and where to. The rate isn't reserved.
            idempotency_key: 1 to 255 characters, new for every payout. With it, the same payout can be asked for again
                after a crash: keep it before you call. None makes one, which the answer names, and an error too.

        Returns:
            The payout, processing as a rule; a webhook or `get_transaction` tells how it ends.

        Raises:
            BadRequestError: The customer isn't one of yours, or not VERIFIED.
            UnprocessableEntityError: The key was used for another payout.
            OutcomeUnknownError: The answer was lost and the repeat refused, or a first call with this key was still running
                at the deadline. Ask again with `idempotency_key` of the error.

        Scope `crypto-payout:create`; operation crypto_create_payout.
        """
        return await self._call(CREATE_PAYOUT, body=payout, idempotency_key=idempotency_key)

    async def create_swap(
        self, swap: CryptoSwapRequest | Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> CryptoSwap:
        """Swap between two of your wallets, one of them crypto at least, at the rate of the moment. It settles at once.

        Args:
            swap: From which wallet to which, and how much in the currency of the first.
            idempotency_key: As in `create_payout`.

        Raises:
            UnprocessableEntityError: The key was used for another swap.
            OutcomeUnknownError: The answer was lost and the repeat refused, or a first call with this key was still running
                at the deadline. Ask again with `idempotency_key` of the error.

        Scope `crypto-swap:create`; operation crypto_create_swap.
        """
        return await self._call(CREATE_SWAP, body=swap, idempotency_key=idempotency_key)
