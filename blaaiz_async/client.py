"""AsyncBlaaiz: builds the parts, owns their life, hands them to the services."""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

import httpx

from blaaiz_async import __version__
from blaaiz_async.core.attempts import Attempts, CallOptions
from blaaiz_async.core.budget import Budget, Priority, RateBudget
from blaaiz_async.core.caller import Caller, RawResponse
from blaaiz_async.core.codec import UNSET, Request, UnsetType
from blaaiz_async.core.retry import RetryPolicy
from blaaiz_async.core.tokens import MemoryTokenStore, TokenCache, TokenStore, token_key
from blaaiz_async.core.transport import Transport
from blaaiz_async.core.watching import Watch
from blaaiz_async.errors import BlaaizError, ConfigurationError
from blaaiz_async.services.oauth import fetch_token
from blaaiz_async.settings import Environment, read_settings

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from blaaiz_async.core.operation import Operation
    from blaaiz_async.health import ClientStatistics, Health
    from blaaiz_async.services.banks import BanksService
    from blaaiz_async.services.collections import CollectionsService
    from blaaiz_async.services.crypto import CryptoService
    from blaaiz_async.services.currencies import CurrenciesService
    from blaaiz_async.services.customers import CustomersService
    from blaaiz_async.services.fees import FeesService
    from blaaiz_async.services.files import FilesService
    from blaaiz_async.services.interac_auto_deposit_emails import InteracAutoDepositEmailsService
    from blaaiz_async.services.momo_operators import MomoOperatorsService
    from blaaiz_async.services.payouts import PayoutsService
    from blaaiz_async.services.rates import RatesService
    from blaaiz_async.services.refunds import RefundsService
    from blaaiz_async.services.signa import SignaService
    from blaaiz_async.services.signa_id import SignaIdService
    from blaaiz_async.services.swaps import SwapsService
    from blaaiz_async.services.transactions import TransactionsService
    from blaaiz_async.services.virtual_bank_accounts import VirtualBankAccountsService
    from blaaiz_async.services.wallets import WalletsService
    from blaaiz_async.services.webhooks import WebhooksService
    from blaaiz_async.types.banks import Bank
    from blaaiz_async.types.currencies import Currency
    from blaaiz_async.types.customers import Customer
    from blaaiz_async.types.fees import FeesBreakdown
    from blaaiz_async.types.transactions import TransactionDetail
    from blaaiz_async.types.wallets import Wallet
    from blaaiz_async.workflows import CollectionConfig, CompleteCollection, CompletePayout, PayoutConfig

T = TypeVar("T")
P = ParamSpec("P")

RESERVED_HEADERS = frozenset(
    {"authorization", "content-length", "content-type", "host", "idempotency-key", "x-blaaiz-api-key"}
)
"""Headers that carry what the client promises: the token, the key of a call, the form of its body."""

_process_tokens = MemoryTokenStore()


class AsyncBlaaiz:
    """A client of the Blaaiz Platform API, for asyncio and trio.

    One client serves any number of concurrent calls: make it once, where the application starts, and close it at the end
    (`async with`, or `aclose()`).

    Args:
        client_id: OAuth client id; else BLAAIZ_CLIENT_ID.
        client_secret: OAuth client secret; else BLAAIZ_CLIENT_SECRET.
        environment: `Environment.DEVELOPMENT` or `.PRODUCTION`, or their names; else BLAAIZ_ENVIRONMENT, else development.
        base_url: Another host than the environment's, such as a sandbox's; else BLAAIZ_BASE_URL.
        scopes: Scopes to ask for, as an iterable or separated by spaces; else BLAAIZ_SCOPES, else all there are.
        timeout: Seconds for each of connecting, writing, waiting for bytes and waiting for a connection.
        retry: How often and how long to repeat what may be repeated.
        budget: The pacer; None switches pacing off. Give the same one to several clients of one credential.
        http_client: A client of your own to send with. It isn't closed by this one.
        token_store: Where the token is kept; by default, shared by all clients of this process.
        tracer_provider: Makes an OpenTelemetry span of every call (extra `otel`), such as what
            `opentelemetry.trace.get_tracer_provider()` returns; none without it.
        log_bodies: Logs every body at DEBUG too, with ids, states and the like; other values are shown as their kind.
        api_key: Refused: legacy API keys are gone. It is here to say how to migrate.

    Raises:
        ConfigurationError: A setting is missing or can't work; the text says what to change.
    """

    def __init__(
        self,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        environment: Environment | str | None = None,
        base_url: str | None = None,
        scopes: Iterable[str] | str | None = None,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        budget: Budget | UnsetType | None = UNSET,
        http_client: httpx.AsyncClient | None = None,
        token_store: TokenStore | None = None,
        tracer_provider: "TracerProvider | None" = None,
        log_bodies: bool = False,
        api_key: str | None = None,
    ) -> None:
        settings = read_settings(
            client_id=client_id,
            client_secret=client_secret,
            environment=environment,
            base_url=base_url,
            scopes=scopes,
            api_key=api_key,
        )
        self.environment = settings.environment
        self.base_url = settings.base_url
        self.budget: Budget | None = RateBudget() if budget is UNSET else budget
        self._transport = Transport(http_client, timeout=timeout)
        if token_store is None:
            # Behind a client of the user's own there may be anything, such as a mock: its tokens stay its own.
            token_store = _process_tokens if http_client is None else MemoryTokenStore()
        self._tokens = TokenCache(
            key=token_key(
                client_id=settings.client_id,
                client_secret=settings.client_secret,
                host=settings.base_url,
                scopes=settings.scopes,
            ),
            store=token_store,
            fetch=lambda: fetch_token(self._caller, settings),
            now=time.monotonic,
        )
        self._watch = Watch(tracer_provider=tracer_provider, log_bodies=log_bodies)
        self._caller = Caller(
            base_url=settings.base_url,
            scopes=settings.scopes,
            user_agent=f"blaaiz-async/{__version__}",
            attempts=Attempts(transport=self._transport, tokens=self._tokens, budget=self.budget, watch=self._watch),
            options=CallOptions(retry=retry or RetryPolicy()),
        )

    def with_options(
        self,
        *,
        timeout: float | UnsetType = UNSET,
        retry: RetryPolicy | UnsetType = UNSET,
        deadline: float | UnsetType = UNSET,
        priority: Priority | UnsetType = UNSET,
        extra_headers: Mapping[str, str] | UnsetType = UNSET,
    ) -> "AsyncBlaaiz":
        """Return a view whose calls go by other options; it shares connections, token and budget with this client.

        Args:
            timeout: As of the client.
            retry: As of the client.
            deadline: Seconds that a call may take in all: its attempts, the waits between them, and the wait for the rate
                budget. Without one it is the retry policy's, and a bulk call's wait for its turn doesn't count.
            priority: "interactive", or "bulk" for a job that should let other calls go first.
            extra_headers: Headers to add to every call, such as a trace id; none that the client sets itself.
        """
        if extra_headers is not UNSET and (taken := sorted(RESERVED_HEADERS.intersection(map(str.lower, extra_headers)))):
            raise ConfigurationError(f"extra_headers can't hold {', '.join(taken)}: the client sets it itself")
        if deadline is not UNSET and not deadline > 0:
            raise ConfigurationError("deadline is a number of seconds above 0")
        given = {
            "timeout": timeout,
            "retry": retry,
            "deadline": deadline,
            "priority": priority,
            "extra_headers": extra_headers,
        }
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not UNSET}
        view = object.__new__(type(self))
        view.environment, view.base_url, view.budget = self.environment, self.base_url, self.budget
        view._transport, view._tokens, view._watch = self._transport, self._tokens, self._watch
        view._caller = self._caller.with_options(**changes)
        return view

    async def with_raw_response(
        self, method: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> RawResponse[T]:
        """Make a call and get status, headers, request id and the undecoded body besides the typed payload.

        `await blaaiz.with_raw_response(blaaiz.customers.get, customer_id)`
        """
        return await self._caller.raw(method, *args, **kwargs)

    async def create_complete_payout(self, payout_config: "PayoutConfig") -> "CompletePayout":
        """Quote the fees, look that the customer is VERIFIED, and pay out.

        Args:
            payout_config: `payout_data`, and perhaps `customer_data` for a customer to register first (which must be
                VERIFIED before the payout can go, so that step then fails and says so).

        Returns:
            The result of each step.

        Raises:
            InvalidRequestError: The payout breaks a rule; nothing was sent.
            WorkflowError: A step failed. It holds the step's own error, what was done and what wasn't. A payout is never
                made twice: its `idempotency_key` is the merchant reference to call again with.

        Scopes `fees:read`, `customer:read`, `payout:create`, and `currency:read` where a currency is given by its id;
        operations fees_breakdown, customers_get or customers_create, payouts_initiate.
        """
        from blaaiz_async import workflows

        return await workflows.create_complete_payout(self, payout_config)

    async def create_complete_collection(self, collection_config: "CollectionConfig") -> "CompleteCollection":
        """Quote the fees, look that the customer is VERIFIED, ask for a virtual account if wanted, and collect.

        Args:
            collection_config: `collection_data`, and perhaps `customer_data` and `create_vba`.

        Returns:
            The result of each step.

        Raises:
            InvalidRequestError: The collection breaks a rule; nothing was sent.
            WorkflowError: A step failed. It holds the step's own error, what was done and what wasn't.

        Scopes `wallet:read`, `fees:read`, `customer:read`, `collection:create`, and `virtual-account:create` if asked for;
        operations wallets_get, fees_breakdown, customers_get or customers_create, virtual_accounts_create,
        collections_initiate.
        """
        from blaaiz_async import workflows

        return await workflows.create_complete_collection(self, collection_config)

    def statistics(self) -> "ClientStatistics":
        """Return what this client and its views have done, and how they stand: calls, pool, token and rate budget."""
        from blaaiz_async.health import ClientStatistics

        return ClientStatistics(
            calls=self._watch.statistics(),
            pool=self._transport.statistics(),
            token=self._tokens.statistics(),
            budget=None if self.budget is None else self.budget.statistics(),
        )

    async def check(self, *, max_age: float = 30.0, deadline: float = 5.0) -> "Health":
        """Tell whether the platform answers this client, for a readiness probe. It raises nothing.

        Args:
            max_age: Seconds for which a call that succeeded is proof enough, unless a later one didn't reach the platform.
            deadline: Seconds the answer may take.

        At most one call (besides the token, where there is none), sent once: a listing that one of the client's scopes
        allows; a credential that doesn't hold all scopes needs its own named in `scopes`. Scope `currency:read`, or another
        that reads; operation currencies_list, or another that lists.
        """
        from blaaiz_async import health

        return await health.check(self._caller, self._watch, max_age=max_age, deadline=deadline)

    async def test_connection(self) -> bool:
        """Tell whether credentials and network work: one token, one call. `check()` tells what is wrong, too.

        Scope `currency:read`; operation currencies_list.
        """
        try:
            await self.currencies.list()
        except BlaaizError:
            return False
        return True

    # The official SDK's shortcuts, so that moving over is adding await.

    async def get_customer_by_id(self, customer_id: str) -> "Customer":
        """As `customers.get`."""
        return await self.customers.get(customer_id)

    async def get_transaction_by_id(self, transaction_id: str) -> "TransactionDetail":
        """As `transactions.get`."""
        return await self.transactions.get(transaction_id)

    async def get_wallet_by_id(self, wallet_id: str) -> "Wallet":
        """As `wallets.get`."""
        return await self.wallets.get(wallet_id)

    async def get_all_currencies(self) -> "list[Currency]":
        """As `currencies.list`."""
        return await self.currencies.list()

    async def get_all_banks(self) -> "list[Bank]":
        """As `banks.list`."""
        return await self.banks.list()

    async def calculate_fees(
        self, from_currency_id: str, to_currency_id: str, from_amount: Decimal | int
    ) -> "FeesBreakdown":
        """As `fees.get_breakdown` of an amount to send, in major units of the source currency."""
        query = {"from_currency_id": from_currency_id, "to_currency_id": to_currency_id, "from_amount": from_amount}
        return await self.fees.get_breakdown(query)

    def check_request(self, operation: "Operation[Any]", given: Request | Mapping[str, Any]) -> Request:
        """Return the input of an operation as a checked request, without a call. Raises InvalidRequestError."""
        return self._caller.check(operation, given)

    @cached_property
    def customers(self) -> "CustomersService":
        """Customers: registration, KYC and KYB data, owners, documents, verification, beneficiaries."""
        from blaaiz_async.services.customers import CustomersService

        return CustomersService(self._caller)

    @cached_property
    def files(self) -> "FilesService":
        """Uploads: identity files, owners' ID images and KYB documents."""
        from blaaiz_async.services.files import FilesService

        return FilesService(self._caller)

    @cached_property
    def banks(self) -> "BanksService":
        """Banks, and checks of accounts before money is sent to them."""
        from blaaiz_async.services.banks import BanksService

        return BanksService(self._caller)

    @cached_property
    def collections(self) -> "CollectionsService":
        """Collections: cards, stablecoins and Interac transfers into a wallet."""
        from blaaiz_async.services.collections import CollectionsService

        return CollectionsService(self._caller)

    @cached_property
    def currencies(self) -> "CurrenciesService":
        """Currencies, and the one of a code and country."""
        from blaaiz_async.services.currencies import CurrenciesService

        return CurrenciesService(self._caller)

    @cached_property
    def fees(self) -> "FeesService":
        """Fees of collections and payouts, before money moves."""
        from blaaiz_async.services.fees import FeesService

        return FeesService(self._caller)

    @cached_property
    def momo_operators(self) -> "MomoOperatorsService":
        """Operators of mobile wallets."""
        from blaaiz_async.services.momo_operators import MomoOperatorsService

        return MomoOperatorsService(self._caller)

    @cached_property
    def payouts(self) -> "PayoutsService":
        """Payouts: money from a wallet to a recipient."""
        from blaaiz_async.services.payouts import PayoutsService

        return PayoutsService(self._caller)

    @cached_property
    def rates(self) -> "RatesService":
        """Exchange rates."""
        from blaaiz_async.services.rates import RatesService

        return RatesService(self._caller)

    @cached_property
    def refunds(self) -> "RefundsService":
        """Refunds of collections to their source."""
        from blaaiz_async.services.refunds import RefundsService

        return RefundsService(self._caller)

    @cached_property
    def swaps(self) -> "SwapsService":
        """Swaps between two wallets."""
        from blaaiz_async.services.swaps import SwapsService

        return SwapsService(self._caller)

    @cached_property
    def transactions(self) -> "TransactionsService":
        """Transactions: collections, payouts and swaps."""
        from blaaiz_async.services.transactions import TransactionsService

        return TransactionsService(self._caller)

    @cached_property
    def wallets(self) -> "WalletsService":
        """Wallets and their balances."""
        from blaaiz_async.services.wallets import WalletsService

        return WalletsService(self._caller)

    @cached_property
    def virtual_bank_accounts(self) -> "VirtualBankAccountsService":
        """Virtual bank accounts of customers, and which identifier goes into a customer's `tin`."""
        from blaaiz_async.services.virtual_bank_accounts import VirtualBankAccountsService

        return VirtualBankAccountsService(self._caller)

    @cached_property
    def crypto(self) -> "CryptoService":
        """Crypto: assets, wallets, deposit addresses, payouts and swaps."""
        from blaaiz_async.services.crypto import CryptoService

        return CryptoService(self._caller)

    @cached_property
    def interac_auto_deposit_emails(self) -> "InteracAutoDepositEmailsService":
        """E-mail addresses for Interac auto-deposit."""
        from blaaiz_async.services.interac_auto_deposit_emails import InteracAutoDepositEmailsService

        return InteracAutoDepositEmailsService(self._caller)

    @cached_property
    def signa(self) -> "SignaService":
        """Identity verification: sessions, documents, links, and what was captured."""
        from blaaiz_async.services.signa import SignaService

        return SignaService(self._caller)

    @cached_property
    def signa_id(self) -> "SignaIdService":
        """Data that verified people release, and wallet status."""
        from blaaiz_async.services.signa_id import SignaIdService

        return SignaIdService(self._caller)

    @cached_property
    def webhooks(self) -> "WebhooksService":
        """Webhook addresses, replays and delivery logs."""
        from blaaiz_async.services.webhooks import WebhooksService

        return WebhooksService(self._caller)

    async def aclose(self) -> None:
        """Close the connections. Views made by `with_options` close with their client."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"AsyncBlaaiz(environment={self.environment.value}, base_url={self.base_url})"
