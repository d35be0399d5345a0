"""A small server of object stores: listing, HEAD and ranged GET of S3, and the same of Google's JSON interface.

In the process of a test for S3; pyarrow's client of Google's store holds the interpreter while it opens an object, so
that one needs a process of its own (`python object_server.py FOLDER`, or any other client process).
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
MESSAGES = {"NoSuchBucket": 404, "NoSuchKey": 404, "AccessDenied": 403, "SlowDown": 503, "InternalError": 500}


class ObjectServer(ThreadingHTTPServer):
    """Buckets of objects, and faults that can be set.

    Attributes
    ----------
    buckets : dict of str to dict of str to bytes
    requests : list of (method, path, range)
        What was asked for.
    key : str or None
        The access key that is let in; None for anybody.
    failing : list of str
        Codes that the next requests are answered with.
    silent : bool
        Whether requests are not answered at all.
    page : int
        Most keys of a listing.
    after_get : callable or None
        Called after each GET of an object, with the server.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.buckets: dict[str, dict[str, bytes]] = {}
        self.requests: list[tuple[str, str, str | None]] = []
        self.key: str | None = None
        self.failing: list[str] = []
        self.silent, self.page, self.closing = False, 1000, threading.Event()
        self.after_get = lambda server: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address) -> None:
        """Clients that go away are no news."""

    def upload(self, folder: Path, bucket: str, prefix: str) -> None:
        """Every file below `folder`, as ``bucket/prefix/...``."""
        objects = self.buckets.setdefault(bucket, {})
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            objects[f"{prefix}/{path.relative_to(folder).as_posix()}"] = path.read_bytes()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ObjectServer

    def log_message(self, *args) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        self.server.requests.append((self.command, unquote(address.path), self.headers.get("Range")))
        if self.server.silent:
            self.server.closing.wait()
        elif self.server.failing:
            self.refuse(self.server.failing.pop(0))
        elif address.path.startswith("/storage/v1/b/"):
            self.google(address.path.removeprefix("/storage/v1/b/"), query)
        else:
            self.amazon(unquote(address.path).removeprefix("/"), query)

    def answer(self, status: int, body: bytes, headers: Mapping[str, str] = {}, size: int | None = None) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body) if size is None else size)}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, code: str) -> None:
        body = f"<Error><Code>{code}</Code><Message>{code} it is</Message></Error>".encode()
        self.answer(MESSAGES[code], body, {"Content-Type": "application/xml"})

    def amazon(self, path: str, query: dict[str, str]) -> None:
        bucket, _, key = path.partition("/")
        if self.server.key is not None and f"Credential={self.server.key}/" not in self.headers.get(
            "Authorization", ""
        ):
            self.refuse("AccessDenied")
        elif bucket not in self.server.buckets:
            self.refuse("NoSuchBucket")
        elif not key:
            self.answer(200, self.listing(bucket, query), {"Content-Type": "application/xml"})
        elif key not in self.server.buckets[bucket]:
            self.refuse("NoSuchKey")
        else:
            self.content(self.server.buckets[bucket][key])

    def listing(self, bucket: str, query: dict[str, str]) -> bytes:
        prefix, most = query.get("prefix", ""), min(int(query.get("max-keys", 1000)), self.server.page)
        objects = self.server.buckets[bucket]
        keys = [k for k in sorted(objects) if k.startswith(prefix) and k > query.get("continuation-token", "")]
        shown = "".join(
            f"<Contents><Key>{escape(k)}</Key><Size>{len(objects[k])}</Size><ETag>x</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for k in keys[:most]
        )
        more = f"<NextContinuationToken>{escape(keys[most - 1])}</NextContinuationToken>" if keys[most:] else ""
        return (
            f"<ListBucketResult><Name>{bucket}</Name><KeyCount>{len(keys[:most])}</KeyCount>"
            f"<IsTruncated>{str(bool(keys[most:])).lower()}</IsTruncated>{more}{shown}</ListBucketResult>"
        ).encode()

    def content(self, data: bytes) -> None:
        headers = {"ETag": f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"', "Last-Modified": DATE}
        wanted = self.headers.get("Range")
        if wanted is None:
            self.answer(200, data, headers)
        else:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            part = data[int(first) : int(last or len(data)) + 1]
            span = f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
            self.answer(206, part, {**headers, "Content-Range": span})
        if self.command == "GET":
            self.server.after_get(self.server)

    def google(self, path: str, query: dict[str, str]) -> None:
        bucket, _, rest = path.partition("/")
        objects = self.server.buckets.get(unquote(bucket))
        key = unquote(rest.removeprefix("o/"))
        if objects is None:
            self.json(404, {"error": {"code": 404, "message": "The specified bucket does not exist."}})
        elif rest == "o":
            keys = [k for k in sorted(objects) if k.startswith(query.get("prefix", ""))]
            self.json(
                200, {"kind": "storage#objects", "items": [self.facts(unquote(bucket), k, objects[k]) for k in keys]}
            )
        elif key not in objects:
            self.json(404, {"error": {"code": 404, "message": f"No such object: {key}"}})
        elif query.get("alt") == "media":
            self.content(objects[key])
        else:
            self.json(200, self.facts(unquote(bucket), key, objects[key]))

    def facts(self, bucket: str, key: str, data: bytes) -> dict[str, str]:
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        return {
            "kind": "storage#object", "bucket": bucket, "name": key, "size": str(len(data)), "md5Hash": digest,
            "generation": str(int(digest[:12], 16)), "metageneration": "1", "updated": "2026-01-01T00:00:00Z",
        }  # fmt: skip

    def json(self, status: int, value: object) -> None:
        self.answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


@contextmanager
def serving() -> Iterator[ObjectServer]:
    """A server of this process, for the block."""
    server = ObjectServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def main(folder: str) -> None:
    """Serve the folders in `folder` as buckets, and say where; until standard input ends."""
    with serving() as server:
        for bucket in Path(folder).iterdir():
            for path in sorted(p for p in bucket.rglob("*") if p.is_file()):
                server.buckets.setdefault(bucket.name, {})[path.relative_to(bucket).as_posix()] = path.read_bytes()
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
