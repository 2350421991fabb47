"""Customers (contract/customers.yaml): registration, KYC and KYB data, owners, documents, verification, beneficiaries."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, NotRequired, Required, TypedDict, Unpack, cast

from attrs import frozen

from blaaiz_async.core import paging
from blaaiz_async.core.operation import Asked, Look, Safety, list_operation, operation
from blaaiz_async.core.paging import Page
from blaaiz_async.core.waiting import News, until_settled
from blaaiz_async.errors import Fault, InvalidRequestError
from blaaiz_async.services.base import Service, query_of
from blaaiz_async.services.files import (
    GET_DOCUMENT_PRESIGNED_URL,
    GET_OWNER_FILE_PRESIGNED_URL,
    FileSource,
    FilesService,
)
from blaaiz_async.types import locks
from blaaiz_async.types.common import Message, UploadTarget
from blaaiz_async.types.customers import (
    Beneficiary,
    BusinessCustomer,
    Customer,
    CustomerFiles,
    CustomerSummary,
    CustomerUpdate,
    FileCategory,
    IndividualCustomer,
    KybScopeUpgrade,
    KycData,
    KycSessionLink,
    VerificationStatus,
)
from blaaiz_async.types.kyb import DocumentCreate, DocumentUpdate, KybDocument, Owner, OwnerFiles, OwnerFileUrlRequest

List = list  # inside the class, `list` is the method

_CUSTOMERS = "/api/external/customer"
_CUSTOMER = _CUSTOMERS + "/{customer_id}"

LIST = list_operation("customers_list", _CUSTOMERS, CustomerSummary, scope="customer:read")
GET = operation("customers_get", "GET", _CUSTOMER, Customer, scope="customer:read")
_AS_IT_IS = Look(read=GET, ask=lambda asked: {"path": {"customer_id": asked.path["customer_id"]}})
"""The customer itself shows whether it was done."""


def _number(asked: Asked) -> dict[str, str | None]:
    """Return what a customer is looked up by: the number that is its own."""
    if isinstance(asked.request, BusinessCustomer):
        return {"registration_number": asked.request.registration_number}
    return {"id_number": asked.request.id_number}


CREATE = operation(
    "customers_create",
    "POST",
    _CUSTOMERS,
    Customer,
    scope="customer:write",
    body=(IndividualCustomer, BusinessCustomer),
    look=Look(
        read=LIST,
        ask=lambda asked: {"query": {**_number(asked), "type": asked.request.type}},
        fits=lambda asked, found: (
            (found.email or "").lower() in ("", asked.request.email.lower())
            and (found.created_at is None or found.created_at >= asked.since)
        ),
    ),
)
UPDATE = operation(
    "customers_update",
    "PUT",
    _CUSTOMER,
    Customer,
    scope="customer:write",
    safety=Safety.IDEMPOTENT,  # but for new owners (CustomerUpdate.__repeatable__)
    body=CustomerUpdate,
    look=_AS_IT_IS,
)
ADD_KYC = operation(
    "customers_add_kyc_data",
    "POST",
    _CUSTOMER + "/kyc-data",
    Customer,
    scope="customer:write",
    safety=Safety.IDEMPOTENT,  # it stores the same values again
    body=KycData,
)
ATTACH_FILES = operation(
    "customers_attach_files",
    "POST",
    _CUSTOMER + "/files",
    Message,
    scope="customer:write",
    safety=Safety.IDEMPOTENT,  # a file replaces the one in its slot
    under=(),
    body=CustomerFiles,
)
LIST_BENEFICIARIES = list_operation(
    "customers_list_beneficiaries", _CUSTOMER + "/beneficiary", Beneficiary, scope="beneficiary:read"
)
GET_BENEFICIARY = operation(
    "customers_get_beneficiary",
    "GET",
    _CUSTOMER + "/beneficiary/{beneficiary_id}",
    Beneficiary,
    scope="beneficiary:read",
)
SUBMIT = operation("customers_submit", "POST", _CUSTOMER + "/submit", Customer, scope="customer:write", look=_AS_IT_IS)
UPGRADE_KYB_SCOPE = operation(
    "customers_upgrade_kyb_scope",
    "POST",
    _CUSTOMER + "/upgrade-kyb-scope",
    Customer,
    scope="customer:write",
    body=KybScopeUpgrade,
    look=_AS_IT_IS,
)
LINK_KYC_SESSION = operation(
    "customers_link_kyc_session",
    "POST",
    _CUSTOMER + "/kyc-session",
    Customer,
    scope=("customer:write", "compliance-kyc:pii:read"),
    body=KycSessionLink,
    look=_AS_IT_IS,
)
DELETE_OWNER = operation(
    "customer_owners_delete",
    "DELETE",
    _CUSTOMER + "/owner/{owner_id}",
    Message,
    scope="customer:write",
    safety=Safety.IDEMPOTENT,
    under=(),
    look=_AS_IT_IS,
)
ATTACH_OWNER_FILES = operation(
    "customer_owners_attach_files",
    "POST",
    _CUSTOMER + "/owner/{owner_id}/files",
    Owner,
    scope="customer:write",
    safety=Safety.IDEMPOTENT,  # a file replaces the one in its slot
    body=OwnerFiles,
)
LIST_DOCUMENTS = list_operation("customer_documents_list", _CUSTOMER + "/document", KybDocument, scope="customer:read")
CREATE_DOCUMENT = operation(
    "customer_documents_create",
    "POST",
    _CUSTOMER + "/document",
    KybDocument,
    scope="customer:write",
    body=DocumentCreate,
    look=Look(
        read=LIST_DOCUMENTS,
        ask=lambda asked: {"path": {"customer_id": asked.path["customer_id"]}},
        fits=lambda asked, found: (found.type, found.name) == (asked.request.type, asked.request.name),
    ),
)
GET_DOCUMENT = operation(
    "customer_documents_get", "GET", _CUSTOMER + "/document/{document_id}", KybDocument, scope="customer:read"
)
UPDATE_DOCUMENT = operation(
    "customer_documents_update",
    "PUT",
    _CUSTOMER + "/document/{document_id}",
    KybDocument,
    scope="customer:write",
    safety=Safety.IDEMPOTENT,
    body=DocumentUpdate,
)
DELETE_DOCUMENT = operation(
    "customer_documents_delete",
    "DELETE",
    _CUSTOMER + "/document/{document_id}",
    Message,
    scope="customer:write",
    safety=Safety.IDEMPOTENT,
    under=(),
)

_SLOTS: dict[FileCategory, str] = {
    "identity": "id_file",
    "identity_back": "id_file_back",
    "proof_of_address": "proof_of_address_file",
    "liveness_check": "liveness_check_file",
}


class CustomerFilters(TypedDict, total=False):
    """What listings of customers are filtered by: exact matches, all of which must hold."""

    email: str | None
    id_number: str | None
    registration_number: str | None
    verification_status: str | None
    """PENDING, PROCESSING, VERIFIED or REJECTED."""
    type: str | None
    """individual or business."""


class FileOptions(TypedDict, total=False):
    """What `upload_file_complete` takes."""

    file: Required[FileSource]
    """Bytes, a path, an async stream of bytes, or a data URL; at most 25 MB of JPEG, PNG or PDF."""
    file_category: Required[FileCategory]
    """Which slot it is for."""
    content_type: NotRequired[str]
    """MIME type; told from the content if left out."""


@frozen(kw_only=True)
class UploadedFile:
    """A file that was uploaded and attached."""

    file_id: str
    message: str | None
    """The platform's answer to the attachment."""


class CustomersService(Service):
    """Customers of your business. Every method raises the errors of `blaaiz_async.errors`; what is special is named."""

    async def create(self, customer: IndividualCustomer | BusinessCustomer | Mapping[str, Any]) -> Customer:
        """Register a customer. It is PENDING until it is verified.

        Args:
            customer: An `IndividualCustomer` or a `BusinessCustomer`, or a mapping of the same fields with `type`.

        Returns:
            The new customer; the platform sends only some of its fields here.

        Raises:
            InvalidRequestError: A rule of the contract is broken; nothing was sent.
            UnprocessableEntityError: The platform refused it, by field in `errors`.
            OutcomeUnknownError: The answer was lost. There is no idempotency key: find out by
                `list(email=…)`, `list(id_number=…)` or `list(registration_number=…)` before sending it again.

        Scope `customer:write`; operation customers_create.
        """
        return await self._call(CREATE, body=customer)

    async def list(self, **filters: Unpack[CustomerFilters]) -> List[CustomerSummary]:
        """Return all customers that match every filter given, in no certain order, in one call.

        Args:
            filters: `email`, `id_number`, `registration_number`, `verification_status` (PENDING, PROCESSING, VERIFIED or
                REJECTED) and `type` (individual or business); each an exact match.

        Returns:
            Rows without KYC data, owners and documents. For many customers, use `iterate`.

        Scope `customer:read`; operation customers_list.
        """
        return await self._call(LIST, query=query_of(CustomerFilters, filters))

    async def list_page(self, page: int = 1, **filters: Unpack[CustomerFilters]) -> Page[CustomerSummary]:
        """Return one page of 15 customers, newest first.

        Args:
            page: Counted from 1.
            filters: As in `list`.

        Scope `customer:read`; operation customers_list.
        """
        return await self._caller.page(LIST, number=page, query=query_of(CustomerFilters, filters, paginate=True))

    def iterate(self, **filters: Unpack[CustomerFilters]) -> AsyncIterator[CustomerSummary]:
        """Yield all customers that match every filter given, newest first, reading a page of 15 at a time.

        Filters as in `list`. Customers that are registered meanwhile are not part of it.

        Scope `customer:read`; operation customers_list.
        """
        return paging.iterate(lambda number: self.list_page(number, **filters))

    async def get(self, customer_id: str) -> Customer:
        """Return a customer with its KYC data, owners and documents.

        A document's `url` serves for 2 minutes. After REJECTED, `admin_comments` of owners and documents say why.

        Raises:
            NotFoundError: There is no such customer in your business.

        Scope `customer:read`; operation customers_get.
        """
        return await self._call(GET, path={"customer_id": customer_id})

    async def wait(self, customer_id: str, *, deadline: float = 300.0, news: News | None = None) -> Customer:
        """Wait until the verification of a customer has ended: VERIFIED or REJECTED.

        Args:
            customer_id: Which one.
            deadline: Seconds after which it gives up. A person is reviewed within minutes to hours, a business within days:
                mind the webhook instead.
            news: As for `transactions.wait`.

        Raises:
            NotSettledError: The deadline passed; `last` is what was seen last.

        Scope `customer:read`; operation customers_get.
        """
        what = f"the verification of customer {customer_id}"
        return await until_settled(lambda: self.get(customer_id), _is_decided, what=what, deadline=deadline, news=news)

    async def update(self, customer_id: str, update: CustomerUpdate | Mapping[str, Any]) -> Customer:
        """Change fields of a customer, and add or change owners.

        Args:
            customer_id: Which one.
            update: What to change. A field left out (UNSET) stays, None clears it. An owner entry with `id` changes that
                owner, one without adds an owner; to remove one, use `delete_owner`.

        Raises:
            InvalidRequestError: A rule of the contract is broken, such as `kyb_scope` in an update; nothing was sent.
            BadRequestError: The customer is PROCESSING, or VERIFIED and a field already holds a value:
                `check_update` tells which.
            OutcomeUnknownError: The answer to an update that adds owners was lost.

        Scope `customer:write`; operation customers_update.
        """
        return await self._call(UPDATE, path={"customer_id": customer_id}, body=update)

    def check_update(self, customer: Customer, update: CustomerUpdate | Mapping[str, Any]) -> locks.UpdateCheck:
        """Tell, without a call, which fields of an update the platform would take in the customer's present state.

        Args:
            customer: As `get` returned it.
            update: As for `update`.

        Returns:
            The fields that may be set and those that are locked; for the locked ones, what to do.

        Raises:
            InvalidRequestError: The update breaks a rule of the contract, or doesn't fit the customer's type.
        """
        return locks.check_update(customer, cast("CustomerUpdate", self._caller.check(UPDATE, update)))

    async def add_kyc(self, customer_id: str, kyc_data: KycData | Mapping[str, Any]) -> Customer:
        """Store profile data: birth date, addresses, dates of the document. It doesn't start the verification.

        Scope `customer:write`; operation customers_add_kyc_data.
        """
        return await self._call(ADD_KYC, path={"customer_id": customer_id}, body=kyc_data)

    async def upload_files(self, customer_id: str, files: CustomerFiles | Mapping[str, Any]) -> Message:
        """Attach uploaded identity files to an individual, all in one call. `id_file` starts the verification.

        Args:
            customer_id: Whose files.
            files: File ids from `files.upload` or `files.get_presigned_url`, by slot.

        Raises:
            BadRequestError: A business, or a review is in progress.

        Scope `customer:write`; operation customers_attach_files.
        """
        return await self._call(ATTACH_FILES, path={"customer_id": customer_id}, body=files)

    async def upload_file_complete(self, customer_id: str, file_options: FileOptions) -> UploadedFile:
        """Upload an identity file of an individual and attach it: ask for a target, PUT, attach.

        Args:
            customer_id: Whose file.
            file_options: `file`, `file_category` and perhaps `content_type`. A web address isn't fetched.

        Raises:
            InvalidRequestError: The file is empty, too large or neither JPEG, PNG nor PDF. Nothing was sent.
            UploadError: The storage didn't take it. Nothing was attached.

        Scopes `file:upload` and `customer:write`; operations files_get_presigned_url, presigned_upload_put and
        customers_attach_files.
        """
        if missing := [name for name in ("file", "file_category") if name not in file_options]:
            faults = [Fault(field=name, rule="missing", message="is required") for name in missing]
            raise InvalidRequestError(ATTACH_FILES.id, faults)
        category = file_options["file_category"]
        file_id = await FilesService(self._caller).upload(
            customer_id,
            file_options["file"],
            file_category=category,
            content_type=file_options.get("content_type"),
        )
        answer = await self.upload_files(customer_id, {_SLOTS[category]: file_id})
        return UploadedFile(file_id=file_id, message=answer.message)

    async def list_beneficiaries(self, customer_id: str) -> List[Beneficiary]:
        """Return the beneficiaries of a customer.

        Scope `beneficiary:read`; operation customers_list_beneficiaries.
        """
        return await self._call(LIST_BENEFICIARIES, path={"customer_id": customer_id})

    async def get_beneficiary(self, customer_id: str, beneficiary_id: str) -> Beneficiary:
        """Return one beneficiary of a customer.

        Scope `beneficiary:read`; operation customers_get_beneficiary.
        """
        path = {"customer_id": customer_id, "beneficiary_id": beneficiary_id}
        return await self._call(GET_BENEFICIARY, path=path)

    async def submit(self, customer_id: str) -> Customer:
        """Hand a finished customer over for verification.

        A business becomes PROCESSING, or VERIFIED where auto-verification is on; every PENDING owner and document goes with
        it. A review takes 1 to 5 business days: wait for the webhook instead of asking.

        Raises:
            BadRequestError: The customer is PROCESSING or VERIFIED already.
            UnprocessableEntityError: Something is missing; the message names it, and the customer stays editable.
            OutcomeUnknownError: The answer was lost; `get` tells whether it took effect.

        Scope `customer:write`; operation customers_submit.
        """
        return await self._call(SUBMIT, path={"customer_id": customer_id})

    async def upgrade_kyb_scope(self, customer_id: str, upgrade: KybScopeUpgrade | Mapping[str, Any]) -> Customer:
        """Move a MINIMAL business to FULL by adding its owners. There is no way back.

        A VERIFIED customer becomes PENDING: upload the owners' ID images, then `submit` again.

        Args:
            customer_id: Which one.
            upgrade: 1 to 5 owners, whose percentages sum to exactly 100.

        Raises:
            UnprocessableEntityError: The customer isn't a MINIMAL business.

        Scope `customer:write`; operation customers_upgrade_kyb_scope.
        """
        return await self._call(UPGRADE_KYB_SCOPE, path={"customer_id": customer_id}, body=upgrade)

    async def link_kyc_session(self, customer_id: str, signa_session_id: str) -> Customer:
        """Verify an individual by an approved Signa session of your business.

        Args:
            customer_id: An individual whose details agree with the verified person.
            signa_session_id: APPROVED within the last 365 days, with DOCUMENTS.

        Raises:
            BadRequestError, ConflictError, UnprocessableEntityError: A condition failed; the message names it.

        Scopes `customer:write` and `compliance-kyc:pii:read`; operation customers_link_kyc_session.
        """
        body = KycSessionLink(signa_session_id=signa_session_id)
        return await self._call(LINK_KYC_SESSION, path={"customer_id": customer_id}, body=body)

    async def delete_owner(self, customer_id: str, owner_id: str) -> Message:
        """Remove an owner. The others' percentages must be brought back to 100 before the next `submit`.

        Raises:
            BadRequestError: The owner is APPROVED or PROCESSING, or the customer PROCESSING or VERIFIED.

        Scope `customer:write`; operation customer_owners_delete.
        """
        return await self._call(DELETE_OWNER, path={"customer_id": customer_id, "owner_id": owner_id})

    async def get_owner_file_presigned_url(
        self, customer_id: str, owner_id: str, request: OwnerFileUrlRequest | Mapping[str, Any]
    ) -> UploadTarget:
        """Return where to PUT an ID image of an owner. It serves for 5 minutes and a single PUT.

        Args:
            customer_id: The business.
            owner_id: Its owner.
            request: `file_category`: id_document_front or id_document_back.

        Scope `customer:write`; operation customer_owners_get_file_presigned_url.
        """
        path = {"customer_id": customer_id, "owner_id": owner_id}
        return await self._call(GET_OWNER_FILE_PRESIGNED_URL, path=path, body=request)

    async def upload_owner_files(self, customer_id: str, owner_id: str, files: OwnerFiles | Mapping[str, Any]) -> Owner:
        """Attach uploaded ID images to an owner. A new image of a REJECTED owner makes it PENDING again.

        Args:
            customer_id: The business.
            owner_id: Its owner.
            files: File ids from `files.upload_owner_file`, by side; only those to set or replace.

        Raises:
            UnprocessableEntityError: The storage doesn't hold the file, or it is too large or of another kind.

        Scope `customer:write`; operation customer_owners_attach_files.
        """
        path = {"customer_id": customer_id, "owner_id": owner_id}
        return await self._call(ATTACH_OWNER_FILES, path=path, body=files)

    async def list_documents(self, customer_id: str) -> List[KybDocument]:
        """Return the KYB documents of a business. Each `url` serves for 2 minutes.

        Scope `customer:read`; operation customer_documents_list.
        """
        return await self._call(LIST_DOCUMENTS, path={"customer_id": customer_id})

    async def get_document(self, customer_id: str, document_id: str) -> KybDocument:
        """Return one KYB document, with a fresh `url` that serves for 2 minutes.

        Scope `customer:read`; operation customer_documents_get.
        """
        return await self._call(GET_DOCUMENT, path={"customer_id": customer_id, "document_id": document_id})

    async def get_document_presigned_url(self, customer_id: str) -> UploadTarget:
        """Return where to PUT a KYB document. It serves for 5 minutes and a single PUT.

        Scope `customer:write`; operation customer_documents_get_presigned_url.
        """
        return await self._call(GET_DOCUMENT_PRESIGNED_URL, path={"customer_id": customer_id})

    async def create_document(self, customer_id: str, document: DocumentCreate | Mapping[str, Any]) -> KybDocument:
        """Register an uploaded file as a KYB document of a business.

        Args:
            customer_id: The business, PENDING or REJECTED.
            document: `type`, `name`, `file_id` from `files.upload_document`, and perhaps `description`.

        Raises:
            BadRequestError: The customer is PROCESSING or VERIFIED.
            UnprocessableEntityError: The storage doesn't hold the file, or it is too large or of another kind.
            OutcomeUnknownError: The answer was lost; `list_documents` tells whether it took effect.

        Scope `customer:write`; operation customer_documents_create.
        """
        return await self._call(CREATE_DOCUMENT, path={"customer_id": customer_id}, body=document)

    async def update_document(
        self, customer_id: str, document_id: str, document: DocumentUpdate | Mapping[str, Any]
    ) -> KybDocument:
        """Change a KYB document or swap its file. Any change of a REJECTED one makes it PENDING again.

        Raises:
            BadRequestError: The document is APPROVED or PROCESSING, or the customer PROCESSING or VERIFIED.

        Scope `customer:write`; operation customer_documents_update.
        """
        path = {"customer_id": customer_id, "document_id": document_id}
        return await self._call(UPDATE_DOCUMENT, path=path, body=document)

    async def delete_document(self, customer_id: str, document_id: str) -> Message:
        """Remove a KYB document.

        Raises:
            BadRequestError: The document is APPROVED or PROCESSING, or the customer PROCESSING or VERIFIED.

        Scope `customer:write`; operation customer_documents_delete.
        """
        path = {"customer_id": customer_id, "document_id": document_id}
        return await self._call(DELETE_DOCUMENT, path=path)


def _is_decided(customer: Customer) -> bool:
    return customer.verification_status in (VerificationStatus.VERIFIED, VerificationStatus.REJECTED)
