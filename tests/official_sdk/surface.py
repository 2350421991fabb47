"""What the official SDK offers, found by looking at the installed one, and a watch on what of it is used."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import blaaiz


def connect(base_url: str = "http://sandbox.test", scope: str | None = None) -> Any:
    """Make an official client for a sandbox; by default it asks for the scopes that it asks for by itself."""
    return blaaiz.Blaaiz(client_id="sandbox-client", client_secret="sandbox-secret", base_url=base_url, oauth_scope=scope)


def public_methods(sdk: Any) -> set[str]:
    """Name every public method of the client and of what hangs on it, such as "test_connection" and "customers.create"."""
    parts = {f"{name}.": part for name, part in vars(sdk).items() if type(part).__module__.startswith("blaaiz.")}
    return {
        prefix + name
        for prefix, part in {"": sdk, **parts}.items()
        for name, _ in inspect.getmembers(type(part), callable)
        if not name.startswith("_")
    }


def named(client: object, name: str) -> Any:
    """Get a method by such a name."""
    return functools.reduce(getattr, name.split("."), client)


class Watch:
    """Notes which public methods were called from outside and returned. What they call of each other doesn't count."""

    def __init__(self) -> None:
        self.returned = set[str]()
        self._inside = False

    def over(self, sdk: Any) -> Any:
        """Watch a client from now on."""
        for name in public_methods(sdk):
            owner, _, method = name.rpartition(".")
            setattr(named(sdk, owner) if owner else sdk, method, self._noting(name, named(sdk, name)))
        return sdk

    def _noting(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def noting(*args: Any, **kwargs: Any) -> Any:
            if self._inside:
                return method(*args, **kwargs)
            self._inside = True
            try:
                answer = method(*args, **kwargs)
            finally:
                self._inside = False
            self.returned.add(name)
            return answer

        return noting
