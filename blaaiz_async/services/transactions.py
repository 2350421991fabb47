"""Transactions (contract/money.yaml): collections, payouts and swaps, one by one and in pages."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, cast

import attrs

from blaaiz_async.core import paging
from blaaiz_async.core.operation import Asked, Look, list_operation, operation
from blaaiz_async.core.paging import Page
from blaaiz_async.core.waiting import News, until_settled
from blaaiz_async.services.base import Service
from blaaiz_async.types.transactions import (
    Transaction,
    TransactionDetail,
    TransactionFilters,
    TransactionKind,
    TransactionStatus,
)

List = list  # inside the class, `list` is the method

LIST = list_operation(
    "transactions_list",
    "/api/external/transaction",
    Transaction,
    scope="transaction:read",
    method="POST",
    body=TransactionFilters,
)
GET = operation("transactions_get", "GET", "/api/external/transaction/{id}", TransactionDetail, scope="transaction:read")


def look_for(
    kind: TransactionKind,
    narrowed: Callable[[Asked], Mapping[str, Any]],
    fits: Callable[[Asked, Transaction], bool],
) -> Look:
    """Return how to look among the transactions of a kind that were made since; `narrowed` gives further filters."""

    def ask(asked: Asked) -> dict[str, Any]:
        given = {name: value for name, value in narrowed(asked).items() if value is not None}
        return {"body": TransactionFilters(type=kind, start_date=asked.since.date(), **given)}

    def is_it(asked: Asked, found: Transaction) -> bool:
        return (found.date is None or found.date >= asked.since) and fits(asked, found)

    return Look(read=LIST, ask=ask, fits=is_it, paged=True)


class TransactionsService(Service):
    """Transactions of the business."""

    async def list(self, filters: TransactionFilters | Mapping[str, Any] | None = None) -> List[Transaction]:
        """Return one page of the transactions that match every filter: 10 rows. For all of them, use `iterate`.

        Args:
            filters: Days, wallet, customer, type, status, merchant reference, and which page; the first one if None.

        Raises:
            InvalidRequestError: `end_date` is before `start_date`, or a filter has a value that isn't one of its own.

        Scope `transaction:read`; operation transactions_list.
        """
        asked = self._checked(filters)
        return await self._call(LIST, query={"page": asked.page}, body=asked)

    async def list_page(
        self, page: int = 1, filters: TransactionFilters | Mapping[str, Any] | None = None
    ) -> Page[Transaction]:
        """Return one page of the transactions that match every filter, with the count of pages and rows.

        Args:
            page: Counted from 1; it counts, whatever `filters` says of it.
            filters: As for `list`.

        Scope `transaction:read`; operation transactions_list.
        """
        asked = attrs.evolve(self._checked(filters), page=page)
        return await self._caller.page(LIST, number=page, query={}, body=asked)

    def iterate(self, filters: TransactionFilters | Mapping[str, Any] | None = None) -> AsyncIterator[Transaction]:
        """Yield all transactions that match every filter, reading a page of 10 at a time.

        Args:
            filters: As for `list`; its page is passed over.

        Scope `transaction:read`; operation transactions_list.
        """
        return paging.iterate(lambda number: self.list_page(number, filters))

    async def get(self, transaction_id: str) -> TransactionDetail:
        """Return a transaction with its refund.

        Args:
            transaction_id: Its id, the platform's reference or your merchant reference; they are tried in this order.

        Returns:
            The transaction; `refund` is sent only to credentials with the scope `refund:read`.

        Raises:
            NotFoundError: There is none. One that was made a moment ago may not be visible yet.

        Scope `transaction:read`; operation transactions_get.
        """
        return await self._call(GET, path={"id": transaction_id})

    async def wait(self, transaction_id: str, *, deadline: float = 300.0, news: News | None = None) -> TransactionDetail:
        """Wait until a transaction has ended: SUCCESSFUL, FAILED, EXPIRED or CANCELLED.

        Args:
            transaction_id: As for `get`. One that isn't visible yet is waited for too.
            deadline: Seconds after which it gives up.
            news: Awaited between two looks, to look sooner: the `receive` of a stream, say, that your webhook handler
                sends to. Without it, it looks after 2, 4, 8, 16 and then every 30 seconds, a call each.

        Raises:
            NotSettledError: The deadline passed; `last` is what was seen last.

        Scope `transaction:read`; operation transactions_get.
        """
        what = f"transaction {transaction_id}"
        return await until_settled(
            lambda: self.get(transaction_id), _has_ended, what=what, deadline=deadline, news=news, may_be_missing=True
        )

    # Whether the page is read from the query or from the body isn't documented: it stands in both.
    def _checked(self, filters: TransactionFilters | Mapping[str, Any] | None) -> TransactionFilters:
        return cast("TransactionFilters", self._caller.check(LIST, filters or TransactionFilters()))


def _has_ended(transaction: TransactionDetail) -> bool:
    return transaction.status in (
        TransactionStatus.SUCCESSFUL,
        TransactionStatus.FAILED,
        TransactionStatus.EXPIRED,
        TransactionStatus.CANCELLED,
    )
