"""Collections (contract/money.yaml): money from cards, stablecoins and Interac transfers into a wallet."""

from collections.abc import Mapping
from typing import Any, Literal

from blaaiz_async.core.operation import Key, Look, Recovery, list_operation, operation
from blaaiz_async.errors import Fault, InvalidRequestError
from blaaiz_async.services import transactions
from blaaiz_async.services.base import Service, is_taken
from blaaiz_async.types.collections import (
    CardCollection,
    CollectionInitiated,
    CryptoCollection,
    CryptoCollectionTransaction,
    CryptoNetwork,
    CustomerAttachment,
    InteracAcceptance,
    InteracMoneyRequest,
    InteracMoneyRequested,
    OpenBankingCollection,
    initiated_by,
    same_collection,
)
from blaaiz_async.types.common import Message

_COLLECTION = "/api/external/collection"

INITIATE = operation(
    "collections_initiate",
    "POST",
    _COLLECTION,
    CollectionInitiated,
    scope="collection:create",
    body=(CardCollection, OpenBankingCollection),
    key=Key(field="merchant_reference"),
    recovery=Recovery(
        echo=is_taken("merchant_reference"),
        look=Look(
            read=transactions.GET,
            ask=lambda asked: {"path": {"id": asked.key}},
            fits=lambda asked, found: same_collection(asked.request, found),
        ),
        adopt=lambda asked, found: initiated_by(asked.request, found),
        settle="collections.settle",
    ),
)
INITIATE_CRYPTO = operation(
    "collections_initiate_crypto",
    "POST",
    _COLLECTION + "/crypto",
    CryptoCollectionTransaction,
    scope="collection:crypto:create",
    under=("transaction", "data"),
    body=CryptoCollection,
    look=transactions.look_for(
        "FUND_WALLET",
        lambda asked: {"wallet_id": asked.request.wallet_id, "customer_id": asked.request.customer_id},
        lambda asked, found: found.amount in (None, asked.request.amount),
    ),
)
LIST_CRYPTO_NETWORKS = list_operation(
    "collections_list_crypto_networks",
    _COLLECTION + "/crypto/networks",
    CryptoNetwork,
    scope="collection:crypto:create",
    under=("data.data", "data"),
)
ATTACH_CUSTOMER = operation(
    "collections_attach_customer",
    "POST",
    _COLLECTION + "/attach-customer",
    Message,
    scope="collection:create",
    under=(),
    body=CustomerAttachment,
    look=Look(
        read=transactions.GET,
        ask=lambda asked: {"path": {"id": asked.request.transaction_id}},
        fits=lambda asked, found: found.business_customer_id == asked.request.customer_id,
    ),
)
REQUEST_INTERAC = operation(
    "collections_request_interac",
    "POST",
    _COLLECTION + "/interac-money-request",
    InteracMoneyRequested,
    scope="collection:interac:create",
    body=InteracMoneyRequest,
    look=transactions.look_for(
        "FUND_WALLET",
        lambda asked: {"customer_id": asked.request.customer_id},
        lambda asked, found: found.currency in (None, "CAD") and found.amount in (None, asked.request.amount),
    ),
)
ACCEPT_INTERAC = operation(
    "collections_accept_interac",
    "POST",
    _COLLECTION + "/accept-interac-money-request",
    Message,
    scope="collection:interac:accept",
    under=(),
    body=InteracAcceptance,
    look=transactions.look_for("FUND_WALLET", lambda _: {}, lambda _, found: found.currency in (None, "CAD")),
)


class CollectionsService(Service):
    """Collections into a wallet."""

    async def initiate(
        self,
        collection: CardCollection | OpenBankingCollection | Mapping[str, Any],
        *,
        allow_open_banking: bool = False,
    ) -> CollectionInitiated:
        """Start to collect from a card, exactly once however the network behaves.

        The merchant reference is the guard: where an answer is lost, the collection is sent again with the same reference,
        and if the platform has it already, the first one is read back (which needs the scope `transaction:read`).

        Args:
            collection: A `CardCollection`, or a mapping of the same fields with `method`. Amount in major units, gross.
            allow_open_banking: Takes an `OpenBankingCollection` too, which the public reference doesn't offer.

        Returns:
            Its transaction id, and where to send the payer. `merchant_reference` holds the key it was made by, yours or a
            new one. One that was read back has no `url`. The end comes by webhook.

        Raises:
            InvalidRequestError: A rule of the contract is broken, or open banking isn't allowed; nothing was sent.
            BadRequestError: The platform refused it; cards may be off for your business or the wallet's currency.
            UnprocessableEntityError: A field is wrong, or `merchant_reference` was used before, for something else.
            OutcomeUnknownError: It may have been started, and couldn't be read back before the deadline: call again with
                the same `merchant_reference`, or `settle` it. Every error has it as `idempotency_key`.

        Scope `collection:create`; operation collections_initiate.
        """
        if not allow_open_banking:
            _refuse_open_banking(collection)
        return await self._call(INITIATE, body=collection)

    async def settle(self, merchant_reference: str) -> CollectionInitiated:
        """Find the collection that a merchant reference made, for a caller who comes back after an unknown outcome.

        It may take the platform a moment to list a collection: this asks again until the deadline.

        Args:
            merchant_reference: Yours, or the one that was made (`idempotency_key` of the error).

        Returns:
            Its transaction id; `url` isn't kept by the platform.

        Raises:
            OutcomeUnknownError: The platform doesn't know it, or not yet; initiating it again with the same reference is
                safe, and settles it for certain.
            InvalidRequestError: It is the reference of something else than a collection.

        Scope `transaction:read`; operation transactions_get.
        """
        return await self._caller.settle(INITIATE, merchant_reference)

    async def initiate_crypto(self, collection: CryptoCollection | Mapping[str, Any]) -> CryptoCollectionTransaction:
        """Ask for an address at which a stablecoin deposit funds a wallet.

        Args:
            collection: Wallet, amount (0.1 or more), network and token as `get_crypto_networks` names them.

        Returns:
            The address, and until when it may be paid to.

        Raises:
            OutcomeUnknownError: The answer was lost. There is no key, and a second call makes a second address:
                `find_candidates()` looks in the wallet's collections first.

        Scope `collection:crypto:create`; operation collections_initiate_crypto.
        """
        return await self._call(INITIATE_CRYPTO, body=collection)

    async def get_crypto_networks(
        self, *, transaction_type: Literal["collection", "payout"] | None = None
    ) -> list[CryptoNetwork]:
        """Return the networks and their tokens.

        Args:
            transaction_type: Only those that serve this direction.

        Scope `collection:crypto:create`; operation collections_list_crypto_networks.
        """
        return await self._call(LIST_CRYPTO_NETWORKS, query={"transaction_type": transaction_type})

    async def attach_customer(self, attachment: CustomerAttachment | Mapping[str, Any]) -> Message:
        """Say whose a received collection is. Not for card collections, which have their customer from the start.

        Args:
            attachment: A VERIFIED customer, and the transaction that a collection webhook has confirmed.

        Raises:
            BadRequestError: The customer isn't VERIFIED, or it is a card collection.
            OutcomeUnknownError: The answer was lost; `find_candidates()` returns the transaction if it has the customer.

        Scope `collection:create`; operation collections_attach_customer.
        """
        return await self._call(ATTACH_CUSTOMER, body=attachment)

    async def initiate_interac_money_request(
        self, request: InteracMoneyRequest | Mapping[str, Any]
    ) -> InteracMoneyRequested:
        """Ask a payer for CAD by e-mail.

        Args:
            request: Amount in CAD and the payer's address; perhaps customer, name, note, and 1 to 120 hours to answer.

        Returns:
            The pending transaction. That it was paid, or lapsed, comes by webhook.

        Raises:
            BadRequestError: No active CAD wallet, or Interac is off.
            OutcomeUnknownError: The answer was lost. There is no key, and a second call asks the payer twice:
                `find_candidates()` looks for a collection of this amount first.

        Scope `collection:interac:create`; operation collections_request_interac.
        """
        return await self._call(REQUEST_INTERAC, body=request)

    async def accept_interac_money_request(self, acceptance: InteracAcceptance | Mapping[str, Any]) -> Message:
        """Take an incoming Interac transfer into the CAD wallet. It is queued; the credit comes by webhook.

        Args:
            acceptance: Reference number; the security answer too, unless it is an auto-deposit transfer.

        Raises:
            OutcomeUnknownError: The answer was lost; wait for the webhook before sending it again, or look with
                `find_candidates()` for a CAD collection made since.

        Scope `collection:interac:accept`; operation collections_accept_interac.
        """
        return await self._call(ACCEPT_INTERAC, body=acceptance)


def _refuse_open_banking(collection: CardCollection | OpenBankingCollection | Mapping[str, Any]) -> None:
    if isinstance(collection, OpenBankingCollection) or (
        isinstance(collection, Mapping) and collection.get("method") == "open_banking"
    ):
        text = "must be card: open_banking isn't publicly supported; pass allow_open_banking=True if it is agreed for you"
        raise InvalidRequestError(INITIATE.id, [Fault(field="method", rule="opt_in", message=text)])
