"""Crypto assets, wallets, addresses, payouts and swaps (contract/events.yaml crypto_*).

Amounts are Decimal here and decimal strings in JSON. Statuses are lower case, unlike those of fiat transactions.
"""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from attrs import frozen

from blaaiz_async.core.codec import Answer, Id, OpenStrEnum, Request
from blaaiz_async.errors import Fault
from blaaiz_async.types.money import EXACT, at_least, at_most_decimals
from blaaiz_async.types.rules import Text, longest

# -- values ------------------------------------------------------------------------------------------------------------

CryptoNetworkLiteral = Literal["BITCOIN_MAINNET", "ETHEREUM_MAINNET", "MATIC_MAINNET", "BSC_MAINNET", "TRON_MAINNET"]


DECIMALS = 18
"""An amount has no more (contract/events.yaml crypto_create_payout)."""


class CryptoNetworkName(OpenStrEnum):
    """A blockchain."""

    BITCOIN_MAINNET = "BITCOIN_MAINNET"
    ETHEREUM_MAINNET = "ETHEREUM_MAINNET"
    MATIC_MAINNET = "MATIC_MAINNET"
    BSC_MAINNET = "BSC_MAINNET"
    TRON_MAINNET = "TRON_MAINNET"


class CryptoStatus(OpenStrEnum):
    """State of a crypto transaction; `successful` and `failed` are final."""

    PROCESSING = "processing"
    SUCCESSFUL = "successful"
    FAILED = "failed"


class CryptoTransactionType(OpenStrEnum):
    """What a crypto transaction does."""

    PAYOUT = "payout"
    SWAP = "swap"


class CryptoDirection(OpenStrEnum):
    """Which leg of a swap it is."""

    IN = "in"
    OUT = "out"


# -- requests ----------------------------------------------------------------------------------------------------------


CryptoAmount = Annotated[Decimal | int, EXACT, at_least("0.00000001"), at_most_decimals(DECIMALS)]
"""An exact amount in units of the currency, from 0.00000001. Sent as a decimal string."""


def _wire(amount: Decimal | int) -> str:
    """Write an amount as the platform wants it: a decimal string, here without zeros beyond the last decimal there is."""
    whole, point, decimals = format(Decimal(amount), "f").partition(".")
    return whole + point + decimals[:DECIMALS]


@frozen(kw_only=True, repr=False)
class CryptoPayoutRequest(Request):
    """Crypto to send to an address outside Blaaiz (contract schema CryptoPayoutRequest)."""

    _shown: ClassVar[tuple[str, ...]] = ("wallet_id", "network", "token")

    customer_id: Text
    """A VERIFIED customer of yours."""
    wallet_id: Text
    """The crypto wallet it comes from."""
    amount: CryptoAmount
    address: Annotated[Text, longest(255)]
    """On `network`; not one of Blaaiz's own."""
    network: CryptoNetworkLiteral
    token: Annotated[Text, longest(20)]
    """The token's symbol on that network, such as USDC."""

    def __encode__(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {**fields, "amount": _wire(self.amount)}


@frozen(kw_only=True, repr=False)
class CryptoSwapRequest(Request):
    """A swap between two of your wallets, one of them crypto at least (contract schema CryptoSwapRequest)."""

    _shown: ClassVar[tuple[str, ...]] = ("from_wallet", "to_wallet")

    from_wallet: Text
    """Id of the crypto or fiat wallet it comes from."""
    to_wallet: Text
    """Id of the crypto or fiat wallet it goes to."""
    amount: CryptoAmount
    """In the currency of `from_wallet`."""

    def __encode__(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {**fields, "amount": _wire(self.amount)}

    def __faults__(self, today: date) -> Iterator[Fault]:
        del today
        if self.from_wallet and self.from_wallet == self.to_wallet:
            yield Fault(field="to_wallet", rule="same", message="must be another wallet than from_wallet")


@frozen(kw_only=True, repr=False)
class CryptoCreateWalletRequest(Request):
    """Names the currency of a wallet, by its id or its symbol (contract schema CryptoCreateWalletRequest)."""

    _shown: ClassVar[tuple[str, ...]] = ("crypto_currency_id", "crypto_currency_symbol")

    crypto_currency_id: int | None = None
    crypto_currency_symbol: Text | None = None

    def __faults__(self, today: date) -> Iterator[Fault]:
        del today
        if (self.crypto_currency_id is None) == (self.crypto_currency_symbol is None):
            text = "give exactly one of crypto_currency_id and crypto_currency_symbol"
            yield Fault(field="crypto_currency_id", rule="one_of", message=text)


@frozen(kw_only=True, repr=False)
class CryptoCreateCustomerAddressesRequest(Request):
    """Names the customer to make deposit addresses for (contract schema CryptoCreateCustomerAddressesRequest)."""

    _shown: ClassVar[tuple[str, ...]] = ("customer_id",)

    customer_id: Text
    """VERIFIED, and not under Enhanced Due Diligence."""


# -- answers -----------------------------------------------------------------------------------------------------------


@frozen(kw_only=True, repr=False)
class CryptoNetwork(Answer):
    """A network on which an asset can be moved."""

    _shown: ClassVar[tuple[str, ...]] = ("network", "decimals")

    network: CryptoNetworkName | None = None
    decimals: int | None = None
    contract_address: str | None = None
    """None for a native coin."""


@frozen(kw_only=True, repr=False)
class CryptoAsset(Answer):
    """A crypto currency, with its active networks."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "symbol")

    id: int
    symbol: str | None = None
    name: str | None = None
    decimals: int | None = None
    networks: tuple[CryptoNetwork, ...] = ()


@frozen(kw_only=True, repr=False)
class CryptoWalletAsset(Answer):
    """The currency of a wallet."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "symbol")

    id: int
    symbol: str | None = None
    name: str | None = None
    decimals: int | None = None


@frozen(kw_only=True, repr=False)
class CryptoWallet(Answer):
    """A crypto wallet of your business."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "asset", "is_active")

    id: Id
    asset: CryptoWalletAsset | None = None
    balance: Decimal | None = None
    """What is available."""
    is_active: bool | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@frozen(kw_only=True, repr=False)
class CryptoAddress(Answer):
    """A deposit address. Use it on its own network only."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "network", "type", "status")

    id: Id
    customer_id: Id | None = None
    """None for an address of the business itself."""
    address: str | None = None
    network: CryptoNetworkName | None = None
    type: str | None = None
    """Only `deposit` is documented."""
    status: str | None = None
    """SUCCESSFUL or, in older samples, ACTIVE."""


@frozen(kw_only=True, repr=False)
class CryptoCounterpartyTransaction(Answer):
    """The crypto leg of a swap."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "direction", "status", "currency")

    id: Id
    wallet_id: Id | None = None
    type: CryptoTransactionType | None = None
    direction: CryptoDirection | None = None
    status: CryptoStatus | None = None
    currency: str | None = None
    amount: Decimal | None = None


@frozen(kw_only=True, repr=False)
class CryptoFiatTransaction(Answer):
    """The fiat leg of a swap; `transactions.get` tells more of it."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "status", "currency")

    id: Id
    wallet_id: Id | None = None
    reference: str | None = None
    status: str | None = None
    currency: str | None = None
    amount: Decimal | None = None
    fee: Decimal | None = None
    net_amount: Decimal | None = None
    created_at: datetime | None = None


@frozen(kw_only=True, repr=False)
class CryptoTransaction(Answer):
    """A crypto payout or one leg of a swap. A listing may leave fields out."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "type", "direction", "status", "currency")

    id: Id
    wallet_id: Id | None = None
    customer_id: Id | None = None
    """Set for a payout."""
    type: CryptoTransactionType | None = None
    direction: CryptoDirection | None = None
    """Set for a swap."""
    status: CryptoStatus | None = None
    reference: str | None = None
    currency: str | None = None
    amount: Decimal | None = None
    fee: Decimal | None = None
    net_amount: Decimal | None = None
    balance_change: Decimal | None = None
    """Negative for what leaves the wallet."""
    target_currency: str | None = None
    target_amount: Decimal | None = None
    rate: Decimal | None = None
    address: str | None = None
    network: CryptoNetworkName | None = None
    transaction_hash: str | None = None
    counterparty_transaction_id: Id | None = None
    counterparty_transaction: CryptoCounterpartyTransaction | None = None
    fiat_transaction_id: Id | None = None
    fiat_transaction: CryptoFiatTransaction | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@frozen(kw_only=True, repr=False)
class CryptoPayout(Answer):
    """A crypto payout that was started."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "status", "currency", "network", "idempotency_key")

    id: Id
    reference: str | None = None
    status: CryptoStatus | None = None
    wallet_id: Id | None = None
    customer_id: Id | None = None
    currency: str | None = None
    destination_currency: str | None = None
    rate: Decimal | None = None
    amount: Decimal | None = None
    fee: Decimal | None = None
    net_amount: Decimal | None = None
    destination_amount: Decimal | None = None
    address: str | None = None
    network: CryptoNetworkName | None = None
    idempotency_key: str | None = None
    """The key it was made by: your own, or the one the library made."""


@frozen(kw_only=True, repr=False)
class CryptoSwap(Answer):
    """A swap that was made. A leg without a crypto wallet has no crypto transaction."""

    _shown: ClassVar[tuple[str, ...]] = ("from_wallet_id", "to_wallet_id", "idempotency_key")

    type: CryptoTransactionType | None = None
    from_wallet_id: Id | None = None
    to_wallet_id: Id | None = None
    from_amount: Decimal | None = None
    fee: Decimal | None = None
    rate: Decimal | None = None
    to_amount: Decimal | None = None
    fiat_transaction_id: Id | None = None
    fiat_transaction: CryptoFiatTransaction | None = None
    from_transaction_id: Id | None = None
    from_transaction: CryptoCounterpartyTransaction | None = None
    to_transaction_id: Id | None = None
    to_transaction: CryptoCounterpartyTransaction | None = None
    idempotency_key: str | None = None
    """The key it was made by: your own, or the one the library made."""
