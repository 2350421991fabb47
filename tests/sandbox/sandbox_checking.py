"""Clients of a sandbox whose every answer is checked against the contract, and short ways to common states."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

from blaaiz_async import contract
from blaaiz_async.contract.validators import at

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from blaaiz_async.sandbox import Sandbox

CUSTOMER = "/api/external/customer"
PDF = b"%PDF-1.4 a file"
INDIVIDUAL: dict[str, Any] = {
    "type": "individual",
    "first_name": "Ada",
    "last_name": "Obi",
    "email": "ada@example.com",
    "country": "NG",
    "id_type": "passport",
    "id_number": "A1234567",
}
BUSINESS: dict[str, Any] = {
    "type": "business",
    "business_name": "Acme",
    "email": "acme@example.com",
    "country": "NG",
    "registration_number": "RC1",
    "incorporation_country": "NG",
}
JANE: dict[str, Any] = {
    "first_name": "Jane",
    "last_name": "Doe",
    "email": "jane@example.com",
    "ownership_percentage": 100,
    "id_document_type": "passport",
}
_PATHS = [
    (doc.method, re.compile(re.sub(r"\{\w+\}", "[^/]+", doc.path)), doc)
    for doc in contract.operations()
    if doc.id != "presigned_upload_put"
]


class Clock:
    """A wall clock moved by hand."""

    def __init__(self, at: float = 1_800_000_000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += seconds


async def check_answer(response: httpx.Response) -> None:
    """Check one answer against the response schema of its operation and status."""
    path = response.request.url.path
    if path.startswith(("/storage/", "/_sandbox/")):
        return
    await response.aread()
    found = [doc for method, shape, doc in _PATHS if method == response.request.method and shape.fullmatch(path)]
    doc: contract.DocName = "customers"
    pointer = "/components/schemas/ErrorResponse"
    if found:
        documented: Mapping[str, Any] = found[0].raw["responses"]
        status = str(response.status_code)
        assert status in documented or response.status_code >= 400, f"{found[0].id} never answers {status}"
        if status in documented:
            doc, pointer = found[0].doc, _pointer(found[0], status, documented[status])
    faults = [fault.message for fault in at(doc, pointer).iter_errors(response.json())]
    assert faults == [], f"{response.request.method} {path} {response.status_code}"


def _pointer(doc: contract.OperationDoc, status: str, documented: Mapping[str, Any]) -> str:
    content = "/content/application~1json/schema"
    if "$ref" in documented:
        return cast("str", documented["$ref"]).removeprefix("#") + content
    return f"/paths/{doc.path.replace('/', '~1')}/{doc.method.lower()}/responses/{status}{content}"


class Caller:
    """An authorized client of a sandbox; every answer is checked."""

    def __init__(self, sandbox: Sandbox, base_url: str = "http://sandbox.test", **options: Any) -> None:
        self.sandbox = sandbox
        self.http = sandbox.http_client(base_url, event_hooks={"response": [check_answer]}, **options)

    async def authorize(self, scope: str | None = None) -> Caller:
        from blaaiz_async.sandbox.oauth import ALL_SCOPES

        response = await self.token(scope=" ".join(sorted(ALL_SCOPES)) if scope is None else scope)
        self.http.headers["authorization"] = f"Bearer {response.json()['access_token']}"
        return self

    async def token(self, **changes: str | None) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
            **changes,
        }
        return await self.http.post("/oauth/token", data={name: value for name, value in form.items() if value})

    async def call(self, method: str, path: str, body: object = None, expect: int | None = None) -> Any:
        content = None if body is None else json.dumps(body)
        response = await self.http.request(method, path, content=content)
        if expect is not None:
            assert response.status_code == expect, response.text
        return response.json()

    async def create(self, body: Mapping[str, Any], **changes: object) -> str:
        answer = await self.call("POST", CUSTOMER, {**body, **changes}, 201)
        return str(answer["data"]["id"])

    async def read(self, customer: str) -> dict[str, Any]:
        answer = await self.call("GET", f"{CUSTOMER}/{customer}", expect=200)
        return cast("dict[str, Any]", answer["data"])

    async def put(
        self, answer: Mapping[str, Any], content: bytes = PDF, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        target = answer.get("data", answer)
        signed = {name: value if isinstance(value, str) else ",".join(value) for name, value in target["headers"].items()}
        sent = {"content-type": "application/pdf", **signed, **(headers or {})}
        async with self.sandbox.http_client() as storage:
            return await storage.put(target["url"], content=content, headers=sent)

    async def upload(self, path: str, body: object = None) -> str:
        answer = await self.call("POST", path, body, 200)
        stored = await self.put(answer)
        assert stored.status_code == 200
        assert stored.headers["etag"]
        return str(answer.get("data", answer)["file_id"])

    async def identity_file(self, customer: str, category: str = "identity") -> str:
        return await self.upload(
            "/api/external/file/get-presigned-url", {"customer_id": customer, "file_category": category}
        )

    async def owner_file(self, customer: str, owner: str, side: str = "id_document_front") -> None:
        path = f"{CUSTOMER}/{customer}/owner/{owner}"
        file_id = await self.upload(f"{path}/file/presigned-url", {"file_category": side})
        await self.call("POST", f"{path}/files", {side: file_id}, 200)

    async def document(self, customer: str, type: str = "CERTIFICATE_OF_INCORPORATION") -> str:
        file_id = await self.upload(f"{CUSTOMER}/{customer}/document/presigned-url")
        body = {"type": type, "name": "a.pdf", "file_id": file_id}
        answer = await self.call("POST", f"{CUSTOMER}/{customer}/document", body, 201)
        return str(answer["data"]["id"])

    async def ready_business(self, **changes: object) -> str:
        customer = await self.create(BUSINESS, owners=[JANE], **changes)
        owners = (await self.read(customer))["owners"]
        await self.owner_file(customer, owners[0]["id"])
        await self.document(customer)
        return customer

    async def submit(self, customer: str, expect: int = 200) -> Any:
        return await self.call("POST", f"{CUSTOMER}/{customer}/submit", expect=expect)
