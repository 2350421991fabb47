"""E-mail addresses for Interac auto-deposit (contract/events.yaml interac_auto_deposit_email_*)."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from blaaiz_async.core import paging
from blaaiz_async.core.operation import Look, Recovery, Safety, list_operation, operation
from blaaiz_async.core.paging import Page
from blaaiz_async.services.base import Service, is_taken
from blaaiz_async.types.interac_auto_deposit_emails import AutoDepositEmail, AutoDepositEmailCreateRequest

_EMAILS = "/api/external/interac-auto-deposit-email"

LIST = list_operation("interac_auto_deposit_email_list", _EMAILS, AutoDepositEmail, scope="interac-auto-deposit-email:read")
CREATE = operation(
    "interac_auto_deposit_email_create",
    "POST",
    _EMAILS,
    AutoDepositEmail,
    scope="interac-auto-deposit-email:create",
    safety=Safety.KEYED,  # a second one of the same address is refused
    body=AutoDepositEmailCreateRequest,
    recovery=Recovery(
        echo=is_taken("email"),
        look=Look(
            read=LIST,
            ask=lambda asked: {"query": {"search_term": asked.request.email}},
            fits=lambda asked, found: (found.email or "").lower() == asked.request.email.lower(),
        ),
    ),
)
GET = operation(
    "interac_auto_deposit_email_get", "GET", _EMAILS + "/{id}", AutoDepositEmail, scope="interac-auto-deposit-email:read"
)


class InteracAutoDepositEmailsService(Service):
    """Addresses at which Interac e-transfers are deposited without a security question."""

    async def create(self, registration: AutoDepositEmailCreateRequest | Mapping[str, Any]) -> AutoDepositEmail:
        """Register an address. It is PENDING: ask payers to send money only once it is ACTIVE.

        Args:
            registration: The e-mail address.

        Raises:
            BadRequestError: Your business has no CAD wallet.
            UnprocessableEntityError: The address is taken.
            OutcomeUnknownError: No answer came before the deadline. Calling again is safe: `UnprocessableEntityError` then
                says that it is registered.

        Scope `interac-auto-deposit-email:create`; operation interac_auto_deposit_email_create.
        """
        return await self._call(CREATE, body=registration)

    async def list(
        self, page: int = 1, *, status: str | None = None, search_term: str | None = None
    ) -> Page[AutoDepositEmail]:
        """Return one page of 10 registrations, those last changed first. Deleted ones are not part of it.

        Args:
            page: Counted from 1.
            status: PENDING, PROCESSING, ACTIVE or BLOCKED.
            search_term: A part of the address, of at most 255 characters.

        Scope `interac-auto-deposit-email:read`; operation interac_auto_deposit_email_list.
        """
        return await self._caller.page(LIST, number=page, query={"status": status, "search_term": search_term})

    def iterate(self, *, status: str | None = None, search_term: str | None = None) -> AsyncIterator[AutoDepositEmail]:
        """Yield all registrations, those last changed first, reading a page of 10 at a time. Filters as in `list`.

        Scope `interac-auto-deposit-email:read`; operation interac_auto_deposit_email_list.
        """
        return paging.iterate(lambda number: self.list(number, status=status, search_term=search_term))

    async def get(self, id: str) -> AutoDepositEmail:
        """Return a registration.

        Args:
            id: Of the registration, not the address.

        Raises:
            NotFoundError: There is none in your business, or it was deleted.

        Scope `interac-auto-deposit-email:read`; operation interac_auto_deposit_email_get.
        """
        return await self._call(GET, path={"id": id})
