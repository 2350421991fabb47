"""A platform that answers as documented, keeps payouts and collections by merchant reference, and loses answers."""

import json
from collections.abc import Callable
from typing import Any

import httpx

from blaaiz_async import AsyncBlaaiz, RetryPolicy
from blaaiz_async.contract import operation

Answer = Callable[[httpx.Request], httpx.Response]


def documented(operation_id: str, name: str, status: str = "200") -> Any:
    """Return a documented answer of the contract."""
    return operation(operation_id).raw["responses"][status]["content"]["application/json"]["examples"][name]["value"]


def documented_requests(operation_id: str) -> dict[str, Any]:
    """Return all documented bodies of the contract by name."""
    examples = operation(operation_id).raw["requestBody"]["content"]["application/json"]["examples"]
    return {name: example["value"] for name, example in examples.items()}


class Platform:
    """Answers each path as told, and remembers what it was sent."""

    def __init__(self, **answers: Any) -> None:
        """Take an answer, or a function that makes one, by the last part of the path."""
        self.answers = answers
        self.sent: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t", "token_type": "Bearer", "expires_in": 3600})
        self.sent.append(request)
        answer = self.answers[request.url.path.rpartition("/")[2].replace("-", "_")]
        return answer(request) if callable(answer) else httpx.Response(200, json=answer)

    def bodies(self) -> list[Any]:
        return [json.loads(request.content) for request in self.sent if request.content]

    def client(self, **options: Any) -> AsyncBlaaiz:
        return AsyncBlaaiz(
            client_id="id",
            client_secret="secret",
            base_url="https://platform.test",
            http_client=httpx.AsyncClient(transport=httpx.MockTransport(self)),
            **{"retry": RetryPolicy(wait_initial=0.0), "budget": None, **options},
        )


class Ledger(Platform):
    """Starts transactions by merchant reference; a reference that is taken gets the documented 422."""

    def __init__(self, start: str, row: Callable[[dict[str, Any]], Any], answer: Callable[[Any], Any], *, lost: int) -> None:
        """Take the path that starts one, how its row and its answer look, and how many answers are lost on the way."""
        super().__init__(**{start: self._start})
        self._row, self._answer, self.lost = row, answer, lost
        self.rows: dict[str, Any] = {}
        self.unlisted_for = 0
        """How many more looks find nothing: the platform lists late."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        reference = request.url.path.rpartition("/")[2]
        if reference in self.rows:
            self.sent.append(request)
            if self.unlisted_for:
                self.unlisted_for -= 1
                return httpx.Response(404, json={"message": "Transaction not found."})
            return httpx.Response(200, json={"message": "Transaction retrieved successfully", "data": self.rows[reference]})
        return super().__call__(request)

    def _start(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        reference = body["merchant_reference"]
        taken = reference in self.rows
        row = self.rows.setdefault(reference, self._row(body))
        if self.lost:
            self.lost -= 1
            raise httpx.ReadError("lost", request=request)
        if taken:
            return httpx.Response(422, json={"message": "...", "errors": {"merchant_reference": ["Could not proceed."]}})
        return httpx.Response(200, json=self._answer(row))
