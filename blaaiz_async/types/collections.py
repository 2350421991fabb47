"""Collections: cards, stablecoins and Interac transfers into a wallet."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from attrs import frozen

from blaaiz_async.core.codec import Answer, Id, Request, Rule
from blaaiz_async.errors import Fault, InvalidRequestError
from blaaiz_async.types.money import EXACT, CollectedAmount, at_least, at_most_decimals
from blaaiz_async.types.payouts import MerchantReference
from blaaiz_async.types.rules import Email, HttpsUrl, Text, longest
from blaaiz_async.types.transactions import TransactionDetail, TransactionStatus, TransactionType


def _like(name: str, pattern: str, expected: str) -> Rule:
    return Rule(name, lambda value: re.fullmatch(pattern, value, re.ASCII) is not None, expected)


RedirectUrl = Annotated[HttpsUrl, longest(2048)]
CardNumber = Annotated[str, _like("card_number", r"\d{16}", "16 digits without spaces")]
Expiry = Annotated[str, _like("expiry", r"(0[1-9]|1[0-2])/\d{2}", "in the form MM/YY")]
Cvc = Annotated[str, _like("cvc", r"\d{3}", "3 digits")]
InteracNote = Annotated[
    str,
    longest(50),
    Rule(
        "note",
        lambda value: re.search(r"https?:|www\.|[<>{}]", value, re.IGNORECASE) is None,
        "plain text without web addresses or code",
    ),
]
TokenAmount = Annotated[Decimal | int, EXACT, at_least("0.1"), at_most_decimals(6)]
"""An amount of USDT or USDC, whose smallest unit is a millionth on most networks."""


@frozen(kw_only=True, repr=False)
class CardCollection(Request):
    """A charge to a card (contract schema CollectionCardRequest)."""

    _shown: ClassVar[tuple[str, ...]] = ("wallet_id", "customer_id", "merchant_reference")

    method: Literal["card"] = "card"
    amount: CollectedAmount
    """Gross, in the wallet's currency; the wallet gets it minus fees."""
    wallet_id: Text
    customer_id: Text
    """VERIFIED customer; it can't be attached later."""
    card_holder_name: Text
    card_number: CardNumber
    expiry: Expiry
    cvc: Cvc
    phone: Text | None = None
    redirect_url: RedirectUrl | None = None
    """Where the payer returns to; `transaction_id` and `status` are appended."""
    merchant_reference: MerchantReference | None = None
    """Makes a repeat harmless; one is made if None. With a slash in it, `transactions.get` may not find it."""


@frozen(kw_only=True, repr=False)
class OpenBankingCollection(Request):
    """A EUR or GBP pull collection, which the public reference no longer offers (CollectionOpenBankingRequest)."""

    _shown: ClassVar[tuple[str, ...]] = ("wallet_id", "customer_id", "merchant_reference")

    method: Literal["open_banking"] = "open_banking"
    amount: CollectedAmount
    wallet_id: Text
    phone: Text | None = None
    redirect_url: RedirectUrl | None = None
    merchant_reference: MerchantReference | None = None
    customer_id: Text | None = None


@frozen(kw_only=True, repr=False)
class CryptoCollection(Request):
    """A deposit address to ask for (contract schema CryptoCollectionRequest)."""

    _shown: ClassVar[tuple[str, ...]] = ("wallet_id", "network", "token")

    amount: TokenAmount
    wallet_id: Text
    network: Text
    """`identifier` from `collections.get_crypto_networks`, such as MATIC_MAINNET."""
    token: Text
    """`symbol` of one of its tokens, such as USDT."""
    customer_id: Text | None = None


@frozen(kw_only=True, repr=False)
class CustomerAttachment(Request):
    """Says whose a received collection is (contract schema AttachCustomerRequest)."""

    _shown: ClassVar[tuple[str, ...]] = ("customer_id", "transaction_id")

    customer_id: Text
    """VERIFIED customer."""
    transaction_id: Text
    """The collection, once its webhook has come."""


@frozen(kw_only=True, repr=False)
class InteracMoneyRequest(Request):
    """A request for CAD, which the payer gets by e-mail."""

    _shown: ClassVar[tuple[str, ...]] = ("customer_id", "expiry_hours")

    amount: CollectedAmount
    """CAD."""
    email: Email
    """The payer's."""
    customer_name: Annotated[Text, longest(255)] | None = None
    """Shown to the payer; the business's name if None."""
    customer_id: Text | None = None
    """VERIFIED customer to attribute it to."""
    expiry_hours: Annotated[int, Rule("range", lambda value: 1 <= value <= 120, "from 1 to 120")] | None = None
    """The platform takes 48 if None."""
    note: InteracNote | None = None
    """Shown to the payer."""


@frozen(kw_only=True, repr=False)
class InteracAcceptance(Request):
    """An incoming Interac transfer to take (contract schema AcceptInteracRequest)."""

    _shown: ClassVar[tuple[str, ...]] = ("reference_number",)

    reference_number: Text
    security_answer: Text | None = None
    """Required by a transfer with a question; leave it out for an auto-deposit one."""
    email: Email | None = None


# -- answers -----------------------------------------------------------------------------------------------------------


@frozen(kw_only=True, repr=False)
class CollectionInitiated(Answer):
    """A collection that was started."""

    _shown: ClassVar[tuple[str, ...]] = ("transaction_id", "merchant_reference")

    transaction_id: Id
    url: str | None = None
    """Where to send the payer, for checkout or 3-D Secure; None when nothing more is needed, or when the collection was read
    back after a lost answer: the platform doesn't keep it, and `transactions.get` tells the state."""
    message: str | None = None
    merchant_reference: str | None = None
    """Yours, or the one that was made for this collection; the platform doesn't echo it here."""


@frozen(kw_only=True, repr=False)
class CryptoCollectionTransaction(Answer):
    """An address to pay to, before `expires_at`."""

    _shown: ClassVar[tuple[str, ...]] = ("transaction_id", "status", "network", "token")

    transaction_id: Id
    reference: str | None = None
    token: str | None = None
    token_amount: Decimal | None = None
    network: str | None = None
    address: str | None = None
    status: TransactionStatus | None = None
    expires_at: datetime | None = None


@frozen(kw_only=True, repr=False)
class CryptoToken(Answer):
    """A token of a network."""

    _shown: ClassVar[tuple[str, ...]] = ("symbol",)

    id: Id
    name: str | None = None
    symbol: str | None = None
    """What to send as `token`."""
    address: str | None = None
    """Of the token's contract."""


@frozen(kw_only=True, repr=False)
class CryptoNetwork(Answer):
    """A network with its tokens."""

    _shown: ClassVar[tuple[str, ...]] = ("identifier",)

    id: Id
    name: str | None = None
    identifier: str | None = None
    """What to send as `network`."""
    tokens: tuple[CryptoToken, ...] = ()


@frozen(kw_only=True, repr=False)
class InteracMoneyRequested(Answer):
    """A request for CAD that was sent (contract schema InteracMoneyRequestResponse)."""

    _shown: ClassVar[tuple[str, ...]] = ("transaction_id", "reference", "expires_at")

    transaction_id: Id
    reference: str | None = None
    """Interac's reference; the webhook carries it as `transaction_reference`."""
    expires_at: datetime | None = None
    message: str | None = None


def same_collection(collection: CardCollection | OpenBankingCollection, found: TransactionDetail) -> bool | None:
    """Tell whether `collection` made what was found under its merchant reference; None if too little is known of it."""
    pairs: tuple[tuple[object, object], ...] = (
        (collection.wallet_id, found.business_wallet_id),
        (collection.customer_id, found.business_customer_id),
        (collection.amount, found.amount),
    )
    if any(asked != there for asked, there in pairs if asked is not None and there is not None):
        return False
    if not TransactionType.COLLECTION.fits(found.type):
        return False
    return None if found.amount is None else True


def initiated_by(collection: CardCollection | OpenBankingCollection | None, found: TransactionDetail) -> CollectionInitiated:
    """Return a collection that was read back as its start would have answered; its checkout address isn't kept."""
    if collection is None and not TransactionType.COLLECTION.fits(found.type):
        text = "belongs to something else than a collection; see transactions.get"
        raise InvalidRequestError("collections_initiate", [Fault(field="merchant_reference", rule="kind", message=text)])
    return CollectionInitiated(transaction_id=found.id, merchant_reference=found.merchant_reference)
