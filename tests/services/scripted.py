"""A platform that answers as it is told, and keeps what it was asked; with the contract's own examples as answers."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from blaaiz_async import AsyncBlaaiz, MemoryTokenStore, RetryPolicy, contract


def documented(operation: str, name: str = "default") -> Any:
    """Return an example of the contract: the body of a success of this operation."""
    responses = contract.operation(operation).raw["responses"]
    success = next(answer for status, answer in responses.items() if status.startswith("2"))
    return success["content"]["application/json"]["examples"][name]["value"]


class Scripted:
    """Gives the answers in their order, the last one for ever: a status, or the body of a 200."""

    def __init__(self, *answers: int | Mapping[str, Any]) -> None:
        self._answers = list(answers)
        self.asked: list[httpx.Request] = []
        """Every request but those for a token."""

    def client(self, **options: Any) -> AsyncBlaaiz:
        """Make a client that talks to it and doesn't wait between attempts."""
        settings: dict[str, Any] = {
            "client_id": "scripted-client",
            "client_secret": "scripted-secret",
            "base_url": "http://scripted.test",
            "budget": None,
            "retry": RetryPolicy(wait_initial=0.0),
            "token_store": MemoryTokenStore(),
            "http_client": httpx.AsyncClient(transport=httpx.MockTransport(self._answer)),
            **options,
        }
        return AsyncBlaaiz(**settings)

    def bodies(self) -> list[Any]:
        """Return what was sent, decoded."""
        return [json.loads(request.content) for request in self.asked]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "scripted-token", "token_type": "Bearer", "expires_in": 3600})
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, int):
            return httpx.Response(answer, json={"message": "Something went wrong."})
        return httpx.Response(200, json=dict(answer))
