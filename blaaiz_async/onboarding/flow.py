"""The calls that onboard one customer, in order, each one a step that is kept once it is done.

A step that may have been sent before, by a process that died or in a call whose answer was lost, looks at the platform
before it sends again. So it costs nothing extra as long as nothing goes wrong: an individual with F files is 2 + F calls.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

import anyio
from attrs import frozen

from blaaiz_async import AsyncBlaaiz
from blaaiz_async.errors import (
    BadRequestError,
    ConflictError,
    OutcomeUnknownError,
    ResponseDecodeError,
    UnprocessableEntityError,
)
from blaaiz_async.onboarding.checking import Plan
from blaaiz_async.onboarding.outcome import Outcome, RowInterruptedError, RowOutcome
from blaaiz_async.types.customers import (
    BusinessCustomer,
    Customer,
    CustomerFiles,
    CustomerSummary,
    FileCategory,
    IndividualCustomer,
    VerificationStatus,
)
from blaaiz_async.types.kyb import DocumentCreate, Owner, OwnerCreate, OwnerFileCategory, OwnerFiles

__all__ = ["SETTLE_SECONDS", "Flow", "Step"]

T = TypeVar("T")

# contract/customers.yaml files_get_presigned_url: which category belongs into which slot
_CATEGORY: Mapping[str, FileCategory] = {
    "id_file": "identity",
    "id_file_back": "identity_back",
    "proof_of_address_file": "proof_of_address",
    "liveness_check_file": "liveness_check",
}
_OWNER_SLOT: Mapping[str, OwnerFileCategory] = {
    "id_document_front": "id_document_front",
    "id_document_back": "id_document_back",
}
_CLOCKS_APART = timedelta(minutes=10)
"""How far our clock and the platform's may differ when a customer's age is judged."""
_ATTEMPTS = 3
SETTLE_SECONDS = 5.0
"""After a lost answer the call may still be running on the platform: how long to wait before believing that it isn't."""


class Step(Protocol):
    """Runs an action once and keeps its result, which must be JSON; `action(repeated)` is told if it may have run before."""

    async def __call__(self, name: str, action: Callable[[bool], Awaitable[Any]]) -> Any:
        """Run it, or give the kept result back."""
        ...


@frozen(kw_only=True)
class Flow:
    """Onboards one customer.

    Args:
        api: a view of the client with bulk priority.
        plan: what to send.
        step: keeps results.
        since: when the first call of this row was about to be sent; an older customer isn't ours.
        earlier: the customer that an earlier form of this row made, if it did.
        settled: when what an earlier run sent has certainly taken effect or never will, by `now`.
        now: a monotonic clock, in seconds.
        sleep: waits, in seconds.
    """

    api: AsyncBlaaiz
    plan: Plan
    step: Step
    since: datetime
    earlier: str = ""
    settled: float = 0.0
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep

    async def run(self) -> RowOutcome:
        """Make every call that is still to be made. Raises what the calls raise."""
        made: dict[str, Any] = {"id": self.earlier, "status": "", "owners": []}
        if not self.earlier:
            made = await self.step("create", self._create)
        customer_id, status = made["id"], made["status"]
        if isinstance(self.plan.request, BusinessCustomer):
            await self._owner_files(customer_id, self.plan.request, made["owners"])
            await self._documents(customer_id)
            status = await self.step("submit", lambda repeated: self._submit(customer_id, repeated=repeated))
        else:
            await self._files(customer_id)
        return RowOutcome(outcome=Outcome.ONBOARDED, customer_id=customer_id, verification_status=status)

    # -- the customer ------------------------------------------------------------------------------------------------

    async def _create(self, repeated: bool) -> dict[str, Any]:  # noqa: FBT001  # the shape of a step
        async def send() -> CustomerSummary:
            return await self.api.customers.create(self.plan.request)

        customer = await self._once(send, self._find, repeated=repeated)
        # Whether the answer holds the owners isn't documented; if it doesn't, they are read when they are needed.
        stored = list(customer.owners) if isinstance(customer, Customer) else []
        owners = _match(list(getattr(self.plan.request, "owners", None) or ()), stored) if stored else []
        return {"id": customer.id, "status": customer.verification_status.value, "owners": owners}

    async def _find(self) -> CustomerSummary | None:
        # contract/customers.yaml customers_create: after a lost answer, list by email, id_number or registration_number.
        request = self.plan.request
        if isinstance(request, IndividualCustomer):
            rows = await self.api.customers.list(email=request.email, id_number=request.id_number, type="individual")
        else:
            rows = await self.api.customers.list(
                email=request.email, registration_number=request.registration_number, type="business"
            )
            rows = [row for row in rows if row.incorporation_country in {None, request.incorporation_country}]
        oldest = self.since - _CLOCKS_APART
        ours = [row for row in rows if row.created_at is None or row.created_at >= oldest]
        if len(ours) > 1:
            raise RowInterruptedError(f"{len(ours)} customers look like this row's; look which one is right")
        return ours[0] if ours else None

    async def _submit(self, customer_id: str, *, repeated: bool) -> str:
        async def look() -> Customer | None:
            found = await self.api.customers.get(customer_id)
            return found if self._is_handed_over(found) else None

        customer = await self._once(lambda: self.api.customers.submit(customer_id), look, repeated=repeated)
        return customer.verification_status.value

    def _is_handed_over(self, customer: Customer) -> bool:
        # A customer of an earlier form of the row may have been rejected before; then a new attempt is due.
        rejected = customer.verification_status == VerificationStatus.REJECTED
        return customer.verification_status != VerificationStatus.PENDING and not (rejected and self.earlier)

    # -- an individual's files ---------------------------------------------------------------------------------------

    async def _files(self, customer_id: str) -> None:
        ids: dict[str, str] = {}
        for slot, path in self.plan.files.items():
            ids[slot] = await self.step(f"upload {slot}", self._uploader(customer_id, path, _CATEGORY[slot]))

        async def attach(repeated: bool) -> bool:  # noqa: FBT001  # the shape of a step
            async def look() -> bool | None:
                return self._is_handed_over(await self.api.customers.get(customer_id)) or None

            async def echo() -> bool:
                if await look() or await self._is_locked(customer_id):
                    return True
                text = "files that may be attached already were refused; look at this customer on the platform"
                raise RowInterruptedError(f"{text}; the next run tries again")

            async def send() -> bool:
                await self.api.customers.upload_files(customer_id, CustomerFiles(**ids))
                return True

            return await self._once(send, look, repeated=repeated, echo=echo)

        await self.step("attach", attach)

    async def _is_locked(self, customer_id: str) -> bool:
        """Tell whether a review keeps an individual from being changed, which a PENDING status doesn't show.

        contract/customers.yaml customers_attach_files: uploads are refused while a review is in progress. An upload
        target for id_file was given for this customer before; if the same request is refused now while the customer can
        still be read, a review has begun, and it is id_file, attached together with all others, that begins one. If a
        target is given, nothing is proven: whether targets are refused during a review is a reading of that rule.
        """
        try:
            await self.api.files.get_presigned_url({"customer_id": customer_id, "file_category": _CATEGORY["id_file"]})
        except BadRequestError:
            return True
        return False

    def _uploader(self, customer_id: str, path: Path, category: FileCategory) -> Callable[[bool], Awaitable[str]]:
        async def upload(_repeated: bool) -> str:  # noqa: FBT001  # a file uploaded twice is attached once
            return await self.api.files.upload(customer_id, path, file_category=category)

        return upload

    # -- a business's owners and documents ---------------------------------------------------------------------------

    async def _owner_files(self, customer_id: str, request: BusinessCustomer, ids: list[str]) -> None:
        wanted = list(zip(request.owners or (), self.plan.owner_files, strict=True))
        if not any(files for _, files in wanted):
            return

        async def owner_ids(_repeated: bool) -> list[str]:  # noqa: FBT001  # a read
            full = await self.api.customers.get(customer_id)
            return _match([owner for owner, _ in wanted], list(full.owners))

        ids = ids or await self.step("owners", owner_ids)
        for index, (owner_id, (_, files)) in enumerate(zip(ids, wanted, strict=True)):
            if files:
                await self._one_owner(customer_id, owner_id, files, index)

    async def _one_owner(self, customer_id: str, owner_id: str, files: Mapping[str, Path], index: int) -> None:
        ids: dict[str, str] = {}
        for slot, path in files.items():

            async def upload(_repeated: bool, slot: str = slot, path: Path = path) -> str:  # noqa: FBT001  # a step
                category = _OWNER_SLOT[slot]
                return await self.api.files.upload_owner_file(customer_id, owner_id, path, file_category=category)

            ids[slot] = await self.step(f"upload owner {index} {slot}", upload)

        async def attach(repeated: bool) -> bool:  # noqa: FBT001  # the shape of a step
            async def look() -> bool | None:
                full = await self.api.customers.get(customer_id)
                owner = next((each for each in full.owners if each.id == owner_id), None)
                stored = owner is not None and owner.id_document_path is not None
                if owner is not None and "id_document_back" in ids:
                    stored = stored and owner.id_document_back_path is not None
                return stored or None

            async def send() -> bool:
                await self.api.customers.upload_owner_files(customer_id, owner_id, OwnerFiles(**ids))
                return True

            return await self._once(send, look, repeated=repeated)

        await self.step(f"attach owner {index}", attach)

    async def _documents(self, customer_id: str) -> None:
        for index, document in enumerate(self.plan.documents):
            request = document.request
            # Two documents of a row may bear one type and name: then the second is there when two are.
            before = sum(
                (each.request.type, each.request.name) == (request.type, request.name)
                for each in self.plan.documents[:index]
            )

            async def upload(_repeated: bool, path: Path = document.path) -> str:  # noqa: FBT001  # a step
                return await self.api.files.upload_document(customer_id, path)

            file_id: str = await self.step(f"upload document {index}", upload)

            async def create(
                repeated: bool,  # noqa: FBT001  # the shape of a step
                request: DocumentCreate = request,
                file_id: str = file_id,
                before: int = before,
            ) -> str:
                async def look() -> str | None:
                    rows = await self.api.customers.list_documents(customer_id)
                    same = [row.id for row in rows if (row.type, row.name) == (request.type, request.name)]
                    return same[-1] if len(same) > before else None

                async def send() -> str:
                    sent = DocumentCreate(
                        type=request.type, name=request.name, description=request.description, file_id=file_id
                    )
                    return (await self.api.customers.create_document(customer_id, sent)).id

                return await self._once(send, look, repeated=repeated)

            await self.step(f"document {index}", create)

    # -- once --------------------------------------------------------------------------------------------------------

    async def _once(
        self,
        send: Callable[[], Awaitable[T]],
        look: Callable[[], Awaitable[T | None]],
        *,
        repeated: bool,
        echo: Callable[[], Awaitable[T]] | None = None,
    ) -> T:
        """Send a write so that it takes effect once, however often its answer is lost.

        Args:
            send: makes the call.
            look: finds what an earlier call has done, or None.
            repeated: whether it may have been sent before.
            echo: decides what a 400 means that may be the echo of an earlier call of this step, where `look` can't see
                what that did; gives the result, or raises.
        """
        unknown, settled = repeated or bool(self.earlier), self.settled
        perhaps_sent = repeated
        for attempt in range(_ATTEMPTS):
            if unknown and (found := await self._look_until(settled, look)) is not None:
                return found
            try:
                return await send()
            except (OutcomeUnknownError, ResponseDecodeError):
                unknown, perhaps_sent, settled = True, True, self.now() + SETTLE_SECONDS
                if attempt + 1 == _ATTEMPTS:
                    break
            except (BadRequestError, ConflictError, UnprocessableEntityError) as refusal:
                # "Already there" and "already under review" come as 4xx: if it may be our own doing, it may be done.
                if perhaps_sent and echo is not None and isinstance(refusal, BadRequestError):
                    return await echo()
                if unknown and (found := await look()) is not None:
                    return found
                raise
        if (found := await self._look_until(settled, look)) is not None:
            return found
        raise RowInterruptedError("answers keep getting lost; the next run looks first")

    async def _look_until(self, settled: float, look: Callable[[], Awaitable[T | None]]) -> T | None:
        """Look now, and once more when nothing that was sent can still be on its way."""
        found = await look()
        if found is None and (left := settled - self.now()) > 0:
            await self.sleep(left)
            found = await look()
        return found


def _match(wanted: list[OwnerCreate], stored: list[Owner]) -> list[str]:
    """Give the platform's id for each owner that was sent: by e-mail and name, since the order isn't documented."""
    left = list(stored)
    ids: list[str] = []
    for owner in wanted:
        key = _person(owner.email, owner.first_name, owner.last_name)
        found = next((each for each in left if _person(each.email, each.first_name, each.last_name) == key), None)
        if found is None:
            raise RowInterruptedError("the customer's owners on the platform aren't those of this row")
        left.remove(found)
        ids.append(found.id)
    return ids


def _person(email: str | None, first: str | None, last: str | None) -> tuple[str, ...]:
    return tuple((part or "").casefold() for part in (email, first, last))
