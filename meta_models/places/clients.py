"""The clients of object stores that pyarrow brings, and what their errors mean."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from meta_models.errors import InputError, UsageError

#: Seconds to be connected, and of silence on a connection, before a request is given up and made again.
CONNECT_SECONDS, SILENCE_SECONDS = 5.0, 15.0
#: Requests before an error is told; AWS_MAX_ATTEMPTS says otherwise.
ATTEMPTS = 4
#: Seconds for which a client of Google's store asks again.
RETRY_SECONDS = 20.0

_S3_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_S3_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_GS_ENDPOINTS = ("STORAGE_EMULATOR_HOST", "CLOUD_STORAGE_EMULATOR_ENDPOINT")
_YES = {"1", "true", "yes"}

#: What the texts of errors mean: the store has no such bucket, refuses, cannot be reached, is of another region.
_NO_BUCKET = re.compile(r"NO_SUCH_BUCKET|specified bucket does not exist|NoSuchBucket", re.IGNORECASE)
_NO_RIGHTS = re.compile(
    r"ACCESS_DENIED|AccessDenied|INVALID_ACCESS_KEY|InvalidAccessKey|SIGNATURE_DOES_NOT_MATCH|SignatureDoesNotMatch"
    r"|ExpiredToken|InvalidToken|HTTP status 40[13]|PERMISSION_DENIED|UNAUTHENTICATED|credentials",
)
_NO_NETWORK = re.compile(r"NETWORK_CONNECTION|curlCode|CURL error|DEADLINE_EXCEEDED|UNAVAILABLE")
_ELSEWHERE = re.compile(r"HTTP status 30[17]|PermanentRedirect|AuthorizationHeaderMalformed")
_TELLING = (
    re.compile(r"curlCode: .*"),
    re.compile(r"CURL error.*?(?= error_info|$)"),
    re.compile(r"AWS Error .*"),
    re.compile(r"message of .*?(?= error_info|$)"),
)
_GONE = re.compile(r"Path does not exist|does not exist|NOT_FOUND|No such (?:key|object|file)|RESOURCE_NOT_FOUND")


class Refused(InputError):
    """The store does not let this user look."""


def information(scheme: str, bucket: str, path: str) -> fs.FileInfo:
    """What is at `path`, a bucket with or without a key.

    Raises
    ------
    InputError
        If the store does not say.
    """
    with _asking(scheme, path):
        return client(scheme, bucket).get_file_info(path)


def listing(scheme: str, bucket: str, path: str) -> list[fs.FileInfo]:
    """All that lies below `path`.

    Raises
    ------
    InputError
        If there is nothing, or the store does not say.
    """
    with _asking(scheme, path):
        found: list[fs.FileInfo] = client(scheme, bucket).get_file_info(fs.FileSelector(path, recursive=True))
    return found


@contextmanager
def opened(scheme: str, bucket: str, path: str) -> Iterator[pa.NativeFile]:
    """The object at `path`; what is read within the block may raise OSError.

    Raises
    ------
    InputError
        If it cannot be opened.
    """
    with _asking(scheme, path):
        file = client(scheme, bucket).open_input_file(path)
    with file:
        yield file


def explained(address: str, detail: str) -> InputError:
    """What the error text `detail` of a client means for the reading of `address`."""
    scheme, _, path = address.partition("://")
    bucket, store = path.split("/")[0], _store(scheme)
    keys = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" if scheme == "s3" else "GOOGLE_APPLICATION_CREDENTIALS"
    if _NO_BUCKET.search(detail):
        return InputError(f"The bucket {bucket!r} must exist", f"{store} has none of that name", "Check the address")
    if _NO_NETWORK.search(detail):
        found = f"{store} does not answer ({_short(detail)})"
        return InputError(f"The store of {address} must be reachable", found, "Check the network, and try again")
    if _NO_RIGHTS.search(detail):
        found = f"{store} refuses to read it ({_short(detail)})"
        return Refused(f"You must have the right to read {address}", found, f"Check {keys}, and who may read it")
    if _ELSEWHERE.search(detail):
        found = f"{store} says that it is of another ({_short(detail)})"
        return InputError(f"The region of the bucket {bucket!r} must be known", found, "Set AWS_REGION")
    if _GONE.search(detail):
        return InputError(f"{address} must exist", f"{store} has nothing there", "Check the address")
    found = f"Reading it failed: {_short(detail)}"
    return InputError(f"{address} must be readable", found, "Try again, or write it anew")


@contextmanager
def _asking(scheme: str, path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise explained(f"{scheme}://{path}", " ".join(str(error).split())) from error


def _short(detail: str) -> str:
    """The end of a client's text that tells most: what the network, or the store, said."""
    found = next((part[0] for pattern in _TELLING if (part := pattern.search(detail))), detail)
    return found[:200].rstrip(" .")


def _store(scheme: str) -> str:
    """The store, for messages."""
    endpoint = _first(_S3_ENDPOINTS if scheme == "s3" else _GS_ENDPOINTS)
    return endpoint[1] if endpoint is not None else "Amazon S3" if scheme == "s3" else "Google Cloud Storage"


def client(scheme: str, bucket: str) -> fs.FileSystem:
    """The client for a bucket; connections do not outlive a fork, so each process has its own."""
    return _client(scheme, bucket, os.getpid())


@lru_cache(maxsize=8)
def _client(scheme: str, bucket: str, _process: int) -> fs.FileSystem:
    try:
        return _s3(bucket) if scheme == "s3" else _gs()
    except ImportError as error:  # pyarrow's answer where it was built without them
        wanted = f"Reading {scheme}:// needs a pyarrow that can"
        raise UsageError(wanted, str(error), "Install pyarrow from PyPI") from None


def _s3(bucket: str) -> fs.FileSystem:
    options: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "request_timeout": SILENCE_SECONDS,
        "retry_strategy": fs.AwsStandardS3RetryStrategy(max_attempts=_attempts()),
        "anonymous": os.environ.get("AWS_SKIP_SIGNATURE", "").lower() in _YES,
        "tls_ca_file_path": os.environ.get("AWS_CA_BUNDLE") or None,
    }
    region, endpoint = _first(_S3_REGIONS), _first(_S3_ENDPOINTS)
    if endpoint is not None:
        options |= _endpoint(*endpoint)
    if region is None and endpoint is None:
        options["region"] = fs.resolve_s3_region(bucket)
    return fs.S3FileSystem(**{"region": region[1] if region is not None else "us-east-1", **options})


def _gs() -> fs.FileSystem:
    options: dict[str, Any] = {"retry_time_limit": timedelta(seconds=RETRY_SECONDS)}
    options["anonymous"] = os.environ.get("GOOGLE_SKIP_SIGNATURE", "").lower() in _YES
    if (endpoint := _first(_GS_ENDPOINTS)) is not None:  # an emulator knows nobody
        options |= {**_endpoint(*endpoint), "anonymous": True}
    return fs.GcsFileSystem(**options)


def _endpoint(name: str, url: str) -> dict[str, str]:
    """Options of a client for an `url` that the variable `name` holds; without a scheme it is http."""
    found = urlsplit(url if "://" in url else f"http://{url}")
    if found.scheme not in ("http", "https") or not found.netloc or found.path.strip("/"):
        raise UsageError(f"{name} must be http://HOST:PORT or https://HOST:PORT", f"Found {url!r}", "Correct it")
    return {"scheme": found.scheme, "endpoint_override": found.netloc}


def _attempts() -> int:
    text = os.environ.get("AWS_MAX_ATTEMPTS") or str(ATTEMPTS)
    if not text.isdecimal() or not int(text):
        raise UsageError("AWS_MAX_ATTEMPTS must be a number from 1 on", f"Found {text!r}", "Correct it")
    return int(text)


def _first(names: tuple[str, ...]) -> tuple[str, str] | None:
    """The first of some variables of the environment that says something, and what."""
    return next(((name, os.environ[name]) for name in names if os.environ.get(name)), None)
