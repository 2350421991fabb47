"""Settings that can't work are refused before any call, and say what to change."""

import pickle
from typing import Any

import pytest

from blaaiz_async import AsyncBlaaiz, ConfigurationError, Environment
from blaaiz_async.settings import Settings, read_settings


def settings(variables: dict[str, str] | None = None, **given: Any) -> Settings:
    options: dict[str, Any] = dict.fromkeys(("client_id", "client_secret", "environment", "base_url", "scopes", "api_key"))
    return read_settings(**{**options, **given}, variables=variables or {})


KEYS: dict[str, Any] = {"client_id": "id", "client_secret": "very-secret"}


def test_credentials_come_from_arguments_or_variables() -> None:
    variables = {
        "BLAAIZ_CLIENT_ID": "v-id",
        "BLAAIZ_CLIENT_SECRET": "v-secret",
        "BLAAIZ_ENVIRONMENT": "production",
        "BLAAIZ_SCOPES": "customer:read customer:write",
    }
    found = settings(variables)
    assert ("v-id", Environment.PRODUCTION, "https://api-prod.blaaiz.com", ("customer:read", "customer:write")) == (
        found.client_id,
        found.environment,
        found.base_url,
        found.scopes,
    )
    found = settings(variables, **KEYS, environment=Environment.DEVELOPMENT, scopes=["wallet:read"])
    assert ("id", "https://api-dev.blaaiz.com", ("wallet:read",)) == (found.client_id, found.base_url, found.scopes)


@pytest.mark.parametrize(
    ("given", "variables", "says"),
    [
        ({"api_key": "k"}, {}, "client_id and client_secret"),
        ({**KEYS, "api_key": "k"}, {}, "legacy API keys"),
        ({}, {"BLAAIZ_API_KEY": "k"}, "BLAAIZ_CLIENT_ID"),
        ({"client_secret": "s"}, {}, "client_id is missing"),
        ({"client_id": "i"}, {}, "BLAAIZ_CLIENT_SECRET"),
        ({**KEYS, "environment": "staging"}, {}, "development or production"),
        ({**KEYS, "base_url": "https://api-prod.blaaiz.com"}, {}, "environment is development"),
        ({**KEYS, "base_url": "https://api.blaaiz.com"}, {}, "environment is development"),
        ({**KEYS, "base_url": "https://api-dev.blaaiz.com", "environment": "production"}, {}, "is production"),
        ({**KEYS, "base_url": "http://api-dev.blaaiz.com"}, {}, "https"),
        ({**KEYS, "base_url": "https://u:p@api-dev.blaaiz.com"}, {}, "plain address"),
        ({**KEYS, "base_url": "api-dev.blaaiz.com"}, {}, "plain address"),
        ({**KEYS, "scopes": ""}, {}, "empty"),
        ({**KEYS, "scopes": ["full-access"]}, {}, "bundle"),
        ({**KEYS, "scopes": ["customer:read customer:write"]}, {}, "list of scopes"),
    ],
)
def test_settings_that_can_not_work_are_refused(given: dict[str, Any], variables: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        settings(variables, **given)
    assert "very-secret" not in str(caught.value)
    assert str(caught.value) == str(pickle.loads(pickle.dumps(caught.value)))


def test_an_api_key_beside_proper_credentials_in_the_environment_does_not_matter() -> None:
    variables = {"BLAAIZ_API_KEY": "k", "BLAAIZ_CLIENT_ID": "i", "BLAAIZ_CLIENT_SECRET": "s"}
    assert "i" == settings(variables).client_id


@pytest.mark.parametrize("url", ["http://127.0.0.1:8700", "http://localhost:8700/", "https://proxy.example.com/blaaiz"])
def test_other_hosts_are_fine(url: str) -> None:
    assert url.rstrip("/") == settings(base_url=url, **KEYS).base_url


def test_no_secret_shows() -> None:
    for shown in (settings(**KEYS), AsyncBlaaiz(**KEYS)):
        assert "very-secret" not in repr(shown)
