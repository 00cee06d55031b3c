from __future__ import annotations

import gzip
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from provenv.errors import ProvenvError, Unavailable
from provenv.events import Events
from provenv.net.client import Client
from provenv.net.keychain import Access, Keychain
from provenv.net.request import Pending, Request, TooLarge
from provenv.net.secrets import origin_of
from provenv.net.settings import NetSettings
from tests.worlds.index_server import IndexServer

SECRET = "s3cret"


class Ear(Events):
    """Remembers what it hears."""

    def __init__(self) -> None:
        self.amounts: list[tuple[str, int, str]] = []
        self.totals: list[int] = []
        self.waits: list[str] = []
        self.notes: list[str] = []

    def advanced(self, phase: str, amount: int, subject: str = "") -> None:
        self.amounts.append((phase, amount, subject))

    def expected(self, phase: str, amount: int) -> None:
        self.totals.append(amount)

    def waiting(self, what: str) -> None:
        self.waits.append(what)

    def noted(self, message: str) -> None:
        self.notes.append(message)


MakeClient = Callable[..., Client]


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def make_client(ear: Ear) -> Iterator[MakeClient]:
    clients: list[Client] = []

    def make(
        *,
        retries: int = 2,
        stall_seconds: int = 5,
        timeout_connect: float = 5.0,
        pause_limit: float = 0.1,
        keychain: Keychain | None = None,
        proxies: Mapping[str, str] | None = None,
        is_offline: bool = False,
    ) -> Client:
        settings = NetSettings(
            retries=retries,
            stall_seconds=stall_seconds,
            timeout_connect=timeout_connect,
            pause_limit=pause_limit,
            keychain=keychain or Keychain(),
            proxies=proxies or {},
            no_proxy="" if proxies else "*",
            is_offline=is_offline,
        )
        clients.append(Client(settings, ear))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(make_client: MakeClient) -> Client:
    return make_client()


@pytest.fixture
def blob(index_world: IndexServer) -> bytes:
    """The content of ``/files/blob.zip``: larger than what one attempt must bring to count as progress."""
    data = b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(100_000))
    (index_world.directory / "blob.zip").write_bytes(data)
    return data


def failure(pending: Pending) -> ProvenvError:
    with pytest.raises(ProvenvError) as caught:
        pending.result()
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"
    return caught.value


def test_a_get(index_world: IndexServer, client: Client, blob: bytes) -> None:
    pending = client.submit(Request(index_world.file_url("blob.zip"), headers={"Accept": "x/y"}, limit=len(blob)))
    response = pending.result()
    assert (response.status, response.body) == (200, blob)
    assert pending.is_done
    assert response.headers["cache-control"] == "max-age=600"
    assert index_world.requests[0].headers["Accept"] == "x/y"
    assert index_world.requests[0].headers["User-Agent"] == "provenv"


def test_many_at_once_share_few_connections(index_world: IndexServer, client: Client) -> None:
    called: list[Pending] = []
    requests = [Request(f"{index_world.url}nothing-{number}/", then=called.append) for number in range(200)]
    pendings = [client.submit(request) for request in requests]
    assert {pending.result().status for pending in pendings} == {404}
    client.close()
    assert len(called) == 200


def test_answers_of_the_4xx_kind_are_answers(index_world: IndexServer, client: Client) -> None:
    index_world.fail("*", status=403, body=b"no")
    response = client.submit(Request(index_world.url)).result()
    assert (response.status, response.body) == (403, b"no")
    assert index_world.count() == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_some_statuses_are_tried_again(index_world: IndexServer, client: Client, status: int) -> None:
    index_world.fail("*", status=status, times=2)
    assert client.submit(Request(index_world.url)).result().status == 200
    assert index_world.count() == 3


def test_attempts_come_to_an_end(index_world: IndexServer, client: Client) -> None:
    index_world.fail("*", status=503)
    error = failure(client.submit(Request(index_world.url_with("me", SECRET))))
    assert "status 503" in error.message
    assert "127.0.0.1" in error.message
    assert index_world.count() == 3


def test_retry_after_is_honoured(index_world: IndexServer, make_client: MakeClient, ear: Ear) -> None:
    client = make_client(pause_limit=5)
    index_world.fail("*", status=429, headers={"Retry-After": "1"}, times=1)
    begin = time.monotonic()
    assert client.submit(Request(index_world.url)).result().status == 200
    assert 1.0 <= time.monotonic() - begin < 2.5
    assert "127.0.0.1 (status 429), 1 s" in ear.waits


@pytest.mark.parametrize("value", ["1000000000", "Fri, 01 Jan 2100 00:00:00 GMT", "nonsense"])
def test_an_absurd_retry_after_is_capped(index_world: IndexServer, client: Client, value: str) -> None:
    index_world.fail("*", status=503, headers={"Retry-After": value}, times=1)
    begin = time.monotonic()
    assert client.submit(Request(index_world.url)).result().status == 200
    assert time.monotonic() - begin < 2


def test_a_dropped_connection_is_tried_again(index_world: IndexServer, client: Client) -> None:
    index_world.fail("*", is_dropped=True, times=2)
    assert client.submit(Request(index_world.url)).result().status == 200


def test_a_truncated_answer_is_tried_again(index_world: IndexServer, client: Client, blob: bytes) -> None:
    index_world.fail("*", truncate=1000, times=1)
    assert client.submit(Request(index_world.file_url("blob.zip"))).result().body == blob
    assert index_world.count() == 2


def test_a_truncated_answer_is_never_taken_for_whole(index_world: IndexServer, client: Client, blob: bytes) -> None:
    index_world.fail("*", truncate=1000)
    assert "the transfer failed" in failure(client.submit(Request(index_world.file_url("blob.zip")))).message


def test_no_connection(make_client: MakeClient) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        error = failure(make_client(retries=1).submit(Request(f"http://me:{SECRET}@127.0.0.1:{port}/simple/")))
    assert f"no connection to 127.0.0.1:{port}" in error.message
    assert "--offline" in (error.hint or "")


def test_an_unknown_host(make_client: MakeClient) -> None:
    error = failure(make_client(retries=0).submit(Request(f"http://me:{SECRET}@nobody.invalid/simple/")))
    assert "nobody.invalid" in error.message
    assert "cannot be resolved" in error.message


@pytest.mark.parametrize("url", ["nonsense://x/", "http://", "http://a b/", "http://host:99999/"])
def test_unusable_urls(client: Client, url: str) -> None:
    assert isinstance(failure(client.submit(Request(url))), Unavailable)


def test_a_stall_is_a_failure(index_world: IndexServer, make_client: MakeClient, blob: bytes) -> None:
    client = make_client(retries=0, stall_seconds=1)
    index_world.fail("*", stall_after=1000)
    begin = time.monotonic()
    error = failure(client.submit(Request(index_world.file_url("blob.zip"))))
    assert "less than 1 KiB per second for 1 s" in error.message
    assert time.monotonic() - begin < 6


def test_an_answer_over_its_limit(index_world: IndexServer, client: Client, blob: bytes) -> None:
    assert isinstance(failure(client.submit(Request(index_world.file_url("blob.zip"), limit=1 << 20))), TooLarge)
    assert index_world.count() == 1


def test_a_decompression_bomb(index_world: IndexServer, client: Client) -> None:
    bomb = gzip.compress(b"x" * (64 << 20))
    index_world.fail("*", body=bomb, headers={"Content-Encoding": "gzip"})
    assert isinstance(failure(client.submit(Request(index_world.url, limit=8 << 20))), TooLarge)


def test_compressed_pages_are_unpacked(index_world: IndexServer, client: Client) -> None:
    index_world.fail("*", body=gzip.compress(b"page"), headers={"Content-Encoding": "gzip"})
    assert client.submit(Request(index_world.url)).result().body == b"page"
    assert "gzip" in index_world.requests[0].headers["Accept-Encoding"]


# -- redirects --------------------------------------------------------------------------------------------


def test_redirects_are_followed(index_world: IndexServer, client: Client, blob: bytes) -> None:
    index_world.redirect("/a", "/b?x=1")
    index_world.redirect("/b", "files/blob.zip", status=308)
    response = client.submit(Request(f"{index_world.root}/a")).result()
    assert (response.body, response.url) == (blob, index_world.file_url("blob.zip"))


def test_a_redirect_loop_ends(index_world: IndexServer, client: Client) -> None:
    index_world.redirect("*", "/again")
    assert "more than 10 redirects" in failure(client.submit(Request(index_world.url))).message
    assert index_world.count() == 11


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://host.example/x", "javascript:alert(1)"])
def test_redirects_stay_within_http(index_world: IndexServer, client: Client, target: str) -> None:
    index_world.redirect("*", target)
    assert "which is not HTTP" in failure(client.submit(Request(index_world.url))).message


def test_credentials_do_not_follow_to_another_port(index_world: IndexServer, client: Client, tmp_path: Path) -> None:
    with IndexServer(tmp_path) as other:
        index_world.redirect("/simple/", f"http://x:{SECRET}@127.0.0.1:{origin_of(other.url)[2]}/simple/")
        assert client.submit(Request(index_world.url_with("me", SECRET))).result().status == 200
        assert index_world.requests[0].headers["Authorization"] is not None
        assert other.requests[0].headers["Authorization"] is None


def test_credentials_do_not_follow_to_another_host(index_world: IndexServer, make_client: MakeClient) -> None:
    client = make_client(keychain=Keychain([Access(index_world.url_with("me", SECRET))]))
    index_world.redirect("/simple/", f"http://localhost:{origin_of(index_world.url)[2]}/other/")
    client.submit(Request(index_world.url)).result()
    first, second = index_world.requests
    assert first.headers["Authorization"] is not None
    assert second.headers["Authorization"] is None


# -- credentials ------------------------------------------------------------------------------------------


def test_credentials_in_the_url(index_world: IndexServer, client: Client) -> None:
    index_world.credentials = ("me@x", f"{SECRET}:/ü")
    assert client.submit(Request(index_world.url)).result().status == 401
    assert client.submit(Request(index_world.url_with("me@x", f"{SECRET}:/ü"))).result().status == 200


def test_credentials_of_a_place(index_world: IndexServer, make_client: MakeClient) -> None:
    index_world.credentials = ("me", SECRET)
    places = [Access(index_world.url_with("me", SECRET)), Access(f"{index_world.root}/x", username="you")]
    client = make_client(keychain=Keychain(places))
    assert client.submit(Request(index_world.url)).result().status == 200
    assert client.submit(Request(index_world.flat_url)).result().status == 401


def test_credentials_in_netrc(index_world: IndexServer, make_client: MakeClient, tmp_path: Path) -> None:
    index_world.credentials = ("me", SECRET)
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    netrc.chmod(0o600)
    keychain = Keychain([Access(index_world.url)], netrc_file=str(netrc))
    assert make_client(keychain=keychain).submit(Request(index_world.url)).result().status == 200


def test_netrc_does_not_follow_to_another_port(
    index_world: IndexServer, make_client: MakeClient, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    netrc.chmod(0o600)
    with IndexServer(tmp_path) as other:
        index_world.redirect("/simple/", other.url)
        client = make_client(keychain=Keychain([Access(index_world.url)], netrc_file=str(netrc)))
        assert client.submit(Request(index_world.url)).result().status == 200
        assert index_world.requests[0].headers["Authorization"] is not None
        assert other.requests[0].headers["Authorization"] is None


def test_a_place_that_must_be_asked_with_credentials(index_world: IndexServer, make_client: MakeClient) -> None:
    client = make_client(keychain=Keychain([Access(index_world.url, authenticate="always")]))
    assert "no user name and password are known" in failure(client.submit(Request(index_world.url))).message
    assert not index_world.requests


def test_a_proxy_is_used(index_world: IndexServer, make_client: MakeClient) -> None:
    """The world serves any path, so it can stand for a proxy that is asked for an absolute URL."""
    client = make_client(proxies={"http": index_world.root})
    assert client.submit(Request("http://far.example/simple/")).result().status == 200
    assert index_world.requests[0].headers["Host"] == "far.example"


# -- downloads --------------------------------------------------------------------------------------------


class Sink:
    def __init__(self) -> None:
        self.data = b""
        self.restarts = 0

    def write(self, data: bytes) -> None:
        self.data += data

    def restart(self) -> None:
        self.data = b""
        self.restarts += 1


def test_a_download(index_world: IndexServer, client: Client, blob: bytes, ear: Ear) -> None:
    sink = Sink()
    response = client.download(index_world.file_url("blob.zip"), sink.write, subject="blob").result()
    assert (response.status, response.body, sink.data) == (200, b"", blob)
    assert sum(amount for phase, amount, subject in ear.amounts if (phase, subject) == ("download", "blob")) == len(
        blob
    )
    assert ear.totals == [len(blob)]
    assert index_world.requests[0].headers["Accept-Encoding"] is None


def test_a_broken_download_goes_on_where_it_stopped(index_world: IndexServer, client: Client, blob: bytes) -> None:
    index_world.fail("*", truncate=2_000_000, times=1)
    sink = Sink()
    client.download(index_world.file_url("blob.zip"), sink.write, size=len(blob)).result()
    assert sink.data == blob
    second = index_world.requests[1].headers
    assert second["Range"].startswith("bytes=")
    assert second["Range"] != "bytes=0-"
    assert second["If-Range"]


def test_progress_starts_the_attempts_anew(index_world: IndexServer, make_client: MakeClient, blob: bytes) -> None:
    index_world.fail("*", truncate=1_200_000, times=2)
    sink = Sink()
    make_client(retries=1).download(index_world.file_url("blob.zip"), sink.write).result()
    assert sink.data == blob


def test_a_server_without_ranges_sends_the_same_again(index_world: IndexServer, client: Client, blob: bytes) -> None:
    index_world.has_ranges = False
    index_world.fail("*", truncate=2_000_000, times=1)
    sink = Sink()
    client.download(index_world.file_url("blob.zip"), sink.write).result()
    assert (sink.data, sink.restarts) == (blob, 0)


def test_a_file_that_changed_begins_anew(index_world: IndexServer, client: Client, blob: bytes, ear: Ear) -> None:
    index_world.fail("*", truncate=2_000_000, body=b"x" * 3_000_000, headers={"ETag": '"old"'}, times=1)
    sink = Sink()
    client.download(index_world.file_url("blob.zip"), sink.write, restart=sink.restart).result()
    assert (sink.data, sink.restarts) == (blob, 1)
    assert sum(amount for _, amount, _ in ear.amounts) == len(blob)


def test_a_file_that_changed_without_a_way_to_begin_anew(index_world: IndexServer, client: Client, blob: bytes) -> None:
    index_world.fail("*", truncate=2_000_000, body=b"x" * 3_000_000, headers={"ETag": '"old"'}, times=1)
    sink = Sink()
    assert "cannot go on" in failure(client.download(index_world.file_url("blob.zip"), sink.write)).message


def test_without_validators_only_checked_files_are_joined(
    index_world: IndexServer, client: Client, blob: bytes
) -> None:
    index_world.has_etags = False
    index_world.fail("*", truncate=2_000_000, times=1)
    sink = Sink()
    client.download(index_world.file_url("blob.zip"), sink.write, restart=sink.restart).result()
    assert (sink.data, sink.restarts) == (blob, 1)
    index_world.fail("*", truncate=2_000_000, times=1)
    sink = Sink()
    client.download(index_world.file_url("blob.zip"), sink.write, is_verified=True).result()
    assert (sink.data, sink.restarts) == (blob, 0)


def test_a_lying_content_range(index_world: IndexServer, client: Client, blob: bytes) -> None:
    index_world.fail("*", truncate=2_000_000, times=1)
    index_world.fail("*", status=206, headers={"Content-Range": "bytes 7-9/99"}, body=b"xyz")
    sink = Sink()
    error = failure(client.download(index_world.file_url("blob.zip"), sink.write, is_verified=True))
    assert "asked for bytes from" in error.message
    assert b"xyz" not in sink.data


def test_an_error_page_is_not_written(index_world: IndexServer, client: Client) -> None:
    sink = Sink()
    response = client.download(index_world.file_url("none.zip"), sink.write).result()
    assert (response.status, sink.data) == (404, b"")


def test_what_the_writer_raises_comes_out(index_world: IndexServer, client: Client, blob: bytes) -> None:
    def write(data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        client.download(index_world.file_url("blob.zip"), write).result()
    assert index_world.count() == 1


# -- life -------------------------------------------------------------------------------------------------


def test_offline(index_world: IndexServer, make_client: MakeClient) -> None:
    error = failure(make_client(is_offline=True).submit(Request(index_world.url_with("me", SECRET))))
    assert "the network is not used" in error.message
    assert index_world.count() == 0


def test_closing_ends_what_is_under_way(index_world: IndexServer, client: Client, blob: bytes) -> None:
    index_world.fail("*", stall_after=10)
    pending = client.submit(Request(index_world.file_url("blob.zip")))
    while not index_world.requests:
        time.sleep(0.01)
    threading.Timer(0.05, client.close).start()
    assert "ended while a transfer" in failure(pending).message
    assert "closed" in failure(client.submit(Request(index_world.url))).message
