from __future__ import annotations

from collections.abc import Iterator

import pytest
from object_server import ObjectServer, serving

from meta_models.places import clients


@pytest.fixture(autouse=True)
def _no_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of the environment or of an earlier test says where stores are."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_MAX_ATTEMPTS", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    clients._client.cache_clear()
    yield
    clients._client.cache_clear()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectServer]:
    """A server of S3 that the environment leads to."""
    with serving() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        yield server
