from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provenv.errors import IntegrityError, ProvenvError, Unavailable
from provenv.events import Events
from provenv.index.catalog import Catalog
from provenv.index.location import Location, location_from
from provenv.index.page import Page
from provenv.model.artifact import Artifact
from provenv.net.client import Client
from provenv.net.keychain import Access, Keychain
from provenv.net.settings import NetSettings
from tests.worlds.index_server import IndexServer
from tests.worlds.wheels import build_wheel

SECRET = "s3cret"
NOW = 1_700_000_000.0
WHEEL = "demo-1.0-py3-none-any.whl"
MakeCatalog = Callable[..., Catalog]


@pytest.fixture
def world(index_world: IndexServer) -> IndexServer:
    """An index with one package of two versions."""
    build_wheel(index_world.directory, "demo", "1.0", requires=["other>=1"], requires_python=">=3.8")
    build_wheel(index_world.directory, "demo", "2.0")
    return index_world


@pytest.fixture
def make(tmp_path: Path, world: IndexServer) -> Iterator[MakeCatalog]:
    """Makes catalogs that share a cache; of the index world, if nothing else is said."""
    made: list[Catalog] = []

    def make_catalog(
        *locations: Location | str,
        now: float = NOW,
        is_offline: bool = False,
        refresh: frozenset[str] | bool = False,
        pinned: dict[str, str] | None = None,
        cache: str = "cache",
        events: Events | None = None,
    ) -> Catalog:
        places = [
            location if isinstance(location, Location) else location_from(location, directory=str(tmp_path))
            for location in locations or (world.url,)
        ]
        keychain = Keychain([Access(place) for place in locations if isinstance(place, str)])
        settings = NetSettings(retries=1, pause_limit=0.05, stall_seconds=5, no_proxy="*", keychain=keychain)
        made.append(
            Catalog(
                places,
                str(tmp_path / cache),
                lambda: Client(settings, Events()),
                now=now,
                is_offline=is_offline,
                refresh=refresh,
                pinned=pinned,
                events=events,
            )
        )
        return made[-1]

    yield make_catalog
    for catalog in made:
        catalog.close()


def artifact_of(page: Page | None, filename: str = WHEEL) -> Artifact:
    assert page is not None
    return page.artifact(page.filenames.index(filename))


def failure(action: Callable[[], object]) -> ProvenvError:
    with pytest.raises(ProvenvError) as caught:
        action()
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"
    return caught.value


# -- pages ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("formats", ["html", "json", "both"])
def test_a_page(make: MakeCatalog, world: IndexServer, formats: str) -> None:
    world.formats = formats  # type: ignore[assignment]
    world.yanked[WHEEL] = "broken"
    page = make().page("demo")
    assert page is not None
    assert page.filenames == [WHEEL, "demo-2.0-py3-none-any.whl"]
    assert (page.index_url, page.expires) == (world.url, NOW + 600)
    artifact = artifact_of(page)
    assert artifact.url == world.file_url(WHEEL)
    assert artifact.sha256 == hashlib.sha256((world.directory / WHEEL).read_bytes()).hexdigest()
    assert (artifact.requires_python, artifact.yanked, artifact.has_metadata) == (">=3.8", "broken", True)
    assert (artifact.size is not None) == (formats != "html")


def test_both_formats_say_the_same(make: MakeCatalog, world: IndexServer) -> None:
    world.formats = "html"
    one = artifact_of(make(cache="a").page("demo"))
    world.formats = "json"
    other = artifact_of(make(cache="b").page("demo"))
    assert one.metadata_hashes == other.metadata_hashes
    assert (one.url, one.hashes, one.requires_python) == (other.url, other.hashes, other.requires_python)


def test_an_unknown_package(make: MakeCatalog) -> None:
    assert make().page("nothing") is None


def test_asking_does_not_wait_and_happens_once(make: MakeCatalog, world: IndexServer) -> None:
    world.fail("/simple/demo/", delay=0.2, times=1)
    catalog = make()
    catalog.request("demo")
    catalog.request("demo")
    assert not catalog.is_page_ready("demo")
    assert catalog.page("demo") is catalog.page("demo")
    assert catalog.is_page_ready("demo")
    assert world.count("/simple/demo/") == 1


def test_a_fresh_page_needs_no_network(make: MakeCatalog, world: IndexServer) -> None:
    first = make()
    page = first.page("demo")
    first.close()
    again = make(now=NOW + 599).page("demo")
    assert page is not None
    assert again is not None
    assert (again.digest, again.filenames) == (page.digest, page.filenames)
    assert world.count() == 1


def test_a_stale_page_is_confirmed(make: MakeCatalog, world: IndexServer) -> None:
    first = make()
    digest = getattr(first.page("demo"), "digest", None)
    first.close()
    second = make(now=NOW + 601)
    page = second.page("demo")
    second.close()
    assert page is not None
    assert (page.digest, page.expires) == (digest, NOW + 1201)
    assert world.count(status=304) == 1
    assert make(now=NOW + 1200).page("demo") is not None
    assert world.count() == 2


def test_a_changed_page_is_read_anew(make: MakeCatalog, world: IndexServer) -> None:
    first = make()
    digest = getattr(first.page("demo"), "digest", None)
    first.close()
    build_wheel(world.directory, "demo", "3.0")
    page = make(now=NOW + 601).page("demo")
    assert page is not None
    assert len(page.filenames) == 3
    assert page.digest != digest


@pytest.mark.parametrize("refresh", [True, frozenset({"demo"})])
def test_refresh(make: MakeCatalog, world: IndexServer, refresh: frozenset[str] | bool) -> None:
    first = make()
    first.page("demo")
    first.close()
    make(refresh=refresh).page("demo")
    assert world.count() == 2


def test_without_cache_headers_pages_are_asked_for_again(make: MakeCatalog, world: IndexServer) -> None:
    world.cache_control, world.has_etags = None, False
    for expected in (1, 2):
        catalog = make()
        catalog.page("demo")
        catalog.close()
        assert world.count() == expected
    assert make(is_offline=True).page("demo") is not None


def test_no_store_is_obeyed(make: MakeCatalog, world: IndexServer) -> None:
    world.cache_control = "no-store"
    catalog = make()
    assert catalog.page("demo") is not None
    catalog.close()
    assert "not cached" in failure(lambda: make(is_offline=True).page("demo")).message


def test_offline(make: MakeCatalog, world: IndexServer) -> None:
    first = make()
    first.page("demo")
    first.page("nothing")
    first.close()
    catalog = make(is_offline=True, now=NOW + 9e9)
    assert catalog.page("demo") is not None
    assert catalog.page("nothing") is None
    error = failure(lambda: catalog.page("other"))
    assert isinstance(error, Unavailable)
    assert "other" in error.message
    assert "--offline" in (error.hint or "")
    assert world.count() == 2


def test_the_first_index_wins(make: MakeCatalog, world: IndexServer, tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir()
    build_wheel(private, "demo", "0.1")
    with IndexServer(private) as first:
        catalog = make(first.url, world.url)
        page = catalog.page("demo")
        assert page is not None
        assert (page.filenames, page.index_url) == (["demo-0.1-py3-none-any.whl"], first.url)
        build_wheel(world.directory, "public", "1.0")
        assert getattr(catalog.page("public"), "index_url", None) == world.url
        assert world.count("/simple/demo/") == 0


def test_an_index_that_fails_is_not_passed_over(make: MakeCatalog, world: IndexServer, tmp_path: Path) -> None:
    with IndexServer(tmp_path) as first:
        first.fail("*", status=500)
        assert "status 500" in failure(lambda: make(first.url, world.url).page("demo")).message
    assert world.count() == 0


def test_explicit_and_pinned_indexes(make: MakeCatalog, world: IndexServer, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with IndexServer(empty) as other:
        mine = Location(name="mine", url=world.url, is_explicit=True)
        assert make(mine, other.url).page("demo") is None
        page = make(mine, other.url, pinned={"Demo": "mine"}, cache="b").page("demo")
        assert page is not None


def test_statuses_that_mean_missing(make: MakeCatalog, world: IndexServer) -> None:
    world.fail("/simple/demo/", status=403)
    assert "refuses" in failure(lambda: make().page("demo")).message
    lenient = Location(name="x", url=world.url, ignored_statuses=frozenset({403}))
    assert make(lenient).page("demo") is None


def test_credentials(make: MakeCatalog, world: IndexServer) -> None:
    world.credentials = ("me", SECRET)
    error = failure(lambda: make().page("demo"))
    assert "wants credentials (status 401)" in error.message
    assert "netrc" in (error.hint or "")
    url = world.url_with("me", SECRET)
    catalog = make(url)
    page = catalog.page("demo")
    artifact = artifact_of(page)
    assert b"other>=1" in catalog.metadata(artifact)
    catalog.close()
    assert SECRET not in repr(artifact)


def test_no_secret_reaches_the_cache(make: MakeCatalog, world: IndexServer, tmp_path: Path) -> None:
    world.credentials = ("me", SECRET)
    world.redirect("/simple/moved/", f"/simple/demo/?token={SECRET}")
    url = world.url_with("me", SECRET)
    catalog = make(url)
    catalog.page("demo")
    catalog.page("moved")
    catalog.close()
    for path in (tmp_path / "cache").rglob("*"):
        assert SECRET not in path.name
        assert path.is_dir() or SECRET.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    "body", [b"<html><title>Log in</title><form></form></html>", b"", b"\x00\xff", b'{"error": "x"}']
)
def test_a_captive_portal(make: MakeCatalog, world: IndexServer, body: bytes, tmp_path: Path) -> None:
    world.fail("/simple/demo/", body=body)
    catalog = make()
    error = failure(lambda: catalog.page("demo"))
    assert "not a page of a package index" in error.message
    assert "127.0.0.1" in error.message
    catalog.close()
    assert not (tmp_path / "cache" / "pages").exists()


def test_wrong_json(make: MakeCatalog, world: IndexServer) -> None:
    world.fail("/simple/demo/", body=b"<html>", headers={"Content-Type": "application/vnd.pypi.simple.v1+json"})
    assert "not valid JSON" in failure(lambda: make().page("demo")).message


def test_a_304_for_nothing(make: MakeCatalog, world: IndexServer) -> None:
    world.fail("/simple/demo/", status=304)
    assert "unexpected status 304" in failure(lambda: make().page("demo")).message


def test_a_damaged_cache_is_healed(make: MakeCatalog, world: IndexServer, tmp_path: Path) -> None:
    catalog = make()
    catalog.page("demo")
    catalog.close()
    body = max((tmp_path / "cache" / "pages").rglob("demo.*"), key=lambda path: path.stat().st_size)
    body.write_bytes(b"x")
    page = make().page("demo")
    assert page is not None
    assert page.filenames == [WHEEL, "demo-2.0-py3-none-any.whl"]


# -- local places -----------------------------------------------------------------------------------------


def test_a_directory_tree(make: MakeCatalog, world: IndexServer, tmp_path: Path) -> None:
    (tmp_path / "tree" / "demo").mkdir(parents=True)
    shutil.copy(world.directory / WHEEL, tmp_path / "tree" / "demo")
    catalog = make("tree", is_offline=True)
    artifact = artifact_of(catalog.page("demo"))
    assert catalog.page("nothing") is None
    assert b"Name: demo" in catalog.metadata(artifact)
    assert catalog.sha256(artifact) == hashlib.sha256((world.directory / WHEEL).read_bytes()).hexdigest()
    chunks: list[bytes] = []
    catalog.download(artifact, chunks.append).result()
    assert b"".join(chunks) == (world.directory / WHEEL).read_bytes()


def test_a_tree_of_html_pages(make: MakeCatalog, world: IndexServer, tmp_path: Path) -> None:
    (tmp_path / "tree" / "demo").mkdir(parents=True)
    (tmp_path / "files").mkdir()
    shutil.copy(world.directory / WHEEL, tmp_path / "files")
    page = tmp_path / "tree" / "demo" / "index.html"
    page.write_text(f'<h1>Links for demo</h1><a href="../../files/{WHEEL}#sha256={"0" * 64}">x</a>')
    catalog = make("tree")
    artifact = artifact_of(catalog.page("demo"))
    assert artifact.sha256 == "0" * 64
    assert b"Name: demo" in catalog.metadata(artifact)


def test_a_missing_directory(make: MakeCatalog) -> None:
    assert "no such directory" in failure(lambda: make("missing").page("demo")).message


def test_flat_places_are_added(make: MakeCatalog, world: IndexServer, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    build_wheel(flat, "demo", "9.0")
    build_wheel(flat, "local", "1.0")
    place = location_from(str(flat), directory="/", kind="flat")
    catalog = make(place, world.url)
    page = catalog.page("demo")
    assert page is not None
    assert page.filenames == [WHEEL, "demo-2.0-py3-none-any.whl", "demo-9.0-py3-none-any.whl"]
    assert page.index_url == world.url
    assert page.artifact(2).url.startswith("file:///")
    assert page.artifact(0).url.startswith(world.root)
    local = catalog.page("local")
    assert local is not None
    assert (local.filenames, local.index_url) == (["local-1.0-py3-none-any.whl"], place.url)
    before = page.digest
    build_wheel(flat, "demo", "9.1")
    assert getattr(make(place, world.url).page("demo"), "digest", None) != before


def test_a_flat_page_on_the_network(make: MakeCatalog, world: IndexServer, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with IndexServer(empty) as other:
        place = location_from(world.flat_url, directory="/", kind="flat")
        catalog = make(other.url, place)
        page = catalog.page("demo")
        assert page is not None
        assert page.filenames == [WHEEL, "demo-2.0-py3-none-any.whl"]
        assert catalog.page("nothing") is None
        assert world.count("/flat/") == 1


def test_a_flat_page_that_is_missing(make: MakeCatalog, world: IndexServer) -> None:
    place = location_from(f"{world.root}/none/", directory="/", kind="flat")
    assert "unexpected status 404" in failure(lambda: make(world.url, place).page("demo")).message


# -- metadata ---------------------------------------------------------------------------------------------


def test_an_announced_sidecar(make: MakeCatalog, world: IndexServer) -> None:
    catalog = make()
    artifact = artifact_of(catalog.page("demo"))
    catalog.request_metadata(artifact)
    assert b"Requires-Dist: other>=1" in catalog.metadata(artifact)
    assert catalog.is_metadata_ready(artifact)
    assert world.count("/files/*") == world.count("/files/*.metadata") == 1
    catalog.close()
    again = make(is_offline=True)
    assert b"Requires-Dist: other>=1" in again.metadata(artifact)
    other = artifact_of(again.page("demo"), "demo-2.0-py3-none-any.whl")
    assert "demo-2.0-py3-none-any.whl" in failure(lambda: again.metadata(other)).message


def test_a_sidecar_with_the_wrong_hash(make: MakeCatalog, world: IndexServer, tmp_path: Path) -> None:
    world.wrong_hashes[f"{WHEEL}.metadata"] = "0" * 64
    catalog = make()
    artifact = artifact_of(catalog.page("demo"))
    error = failure(lambda: catalog.metadata(artifact))
    assert isinstance(error, IntegrityError)
    assert error.subject == world.file_url(f"{WHEEL}.metadata")
    assert not (tmp_path / "cache" / "metadata").exists()


def test_an_announced_sidecar_that_is_missing(make: MakeCatalog, world: IndexServer) -> None:
    world.fail("*.metadata", status=404)
    catalog = make()
    assert b"other>=1" in catalog.metadata(artifact_of(catalog.page("demo")))
    assert world.count("/files/*", status=206) == 1


def test_an_unannounced_sidecar(make: MakeCatalog, world: IndexServer) -> None:
    world.sidecars = "unannounced"
    catalog = make()
    artifact = artifact_of(catalog.page("demo"))
    assert not artifact.has_metadata
    assert b"other>=1" in catalog.metadata(artifact)
    assert world.count("/files/*") == 1


def test_a_range_read(make: MakeCatalog, world: IndexServer) -> None:
    world.sidecars = "none"
    catalog = make()
    assert b"other>=1" in catalog.metadata(artifact_of(catalog.page("demo")))
    assert world.count("*.metadata", status=404) == 1
    assert world.count(f"/files/{WHEEL}", status=206) == 1


def test_a_page_for_everything_is_no_sidecar(make: MakeCatalog, world: IndexServer) -> None:
    world.sidecars = "none"
    world.fail("*.metadata", body=b"<html>Not here</html>")
    catalog = make()
    assert b"other>=1" in catalog.metadata(artifact_of(catalog.page("demo")))


def test_missing_sidecars_convince_slowly(make: MakeCatalog, world: IndexServer) -> None:
    """One wheel without says little; many without, and none with, say enough."""
    for number in range(20):
        build_wheel(world.directory, "many", f"{number}.0")
    world.sidecars = "none"
    world.fail("/files/*.whl", delay=0.15)
    first = make()
    page = first.page("many")
    assert page is not None
    for number in range(12):
        first.metadata(page.artifact(number))
    first.close()
    asked = world.count("*.metadata")
    assert asked == 8
    make().metadata(page.artifact(15))
    assert world.count("*.metadata") == asked
    world.sidecars = "unannounced"
    later = make(now=NOW + 2 * 86400)
    later.metadata(page.artifact(16))
    assert world.count("*.metadata", status=200) == 1


def test_one_sidecar_outweighs_many_missing(make: MakeCatalog, world: IndexServer) -> None:
    for number in range(20):
        build_wheel(world.directory, "many", f"{number}.0")
    world.sidecars = "unannounced"
    world.fail("/files/*.whl", delay=0.15)
    catalog = make()
    page = catalog.page("many")
    assert page is not None
    catalog.metadata(page.artifact(0))
    world.sidecars = "none"
    for number in range(1, 15):
        catalog.metadata(page.artifact(number))
    assert world.count("*.metadata", status=404) == 14


def test_a_range_comes_first_where_missing_sidecars_are_slow(make: MakeCatalog, world: IndexServer) -> None:
    for number in range(5):
        build_wheel(world.directory, "many", f"{number}.0")
    world.sidecars = "none"
    world.fail("*.metadata", delay=0.1)
    catalog = make()
    page = catalog.page("many")
    assert page is not None
    for number in range(5):
        assert b"Name: many" in catalog.metadata(page.artifact(number))
    assert world.count("*.metadata") == 1


@pytest.fixture
def large(world: IndexServer) -> str:
    """A wheel that is larger than what may arrive unasked."""
    noise = b"".join(hashlib.sha512(number.to_bytes(4, "big")).digest() for number in range(90_000))
    build_wheel(world.directory, "large", "1.0", files={"large/data": noise})
    world.sidecars = "none"
    return "large-1.0-py3-none-any.whl"


def test_a_server_that_ignores_ranges(make: MakeCatalog, world: IndexServer, large: str, tmp_path: Path) -> None:
    world.has_ranges = False
    catalog = make()
    artifact = artifact_of(catalog.page("large"), large)
    assert b"Name: large" in catalog.metadata(artifact)
    assert world.count(f"/files/{large}") == 2
    # The second wheel starts with what works: no sidecar is still possible, no range is known.
    assert b"Name: demo" in catalog.metadata(artifact_of(catalog.page("demo")))
    assert [seen.headers["Range"] for seen in world.seen(f"/files/{WHEEL}")] == [None]
    assert list((tmp_path / "cache" / "temporary").iterdir()) == []


def test_a_small_wheel_may_arrive_whole(make: MakeCatalog, world: IndexServer) -> None:
    world.sidecars, world.has_ranges = "none", False
    catalog = make()
    assert b"other>=1" in catalog.metadata(artifact_of(catalog.page("demo")))
    assert world.count(f"/files/{WHEEL}") == 1


def test_a_whole_wheel_is_checked(make: MakeCatalog, world: IndexServer, large: str, tmp_path: Path) -> None:
    world.has_ranges = False
    world.wrong_hashes[large] = "0" * 64
    world.wrong_hashes[WHEEL] = "0" * 64
    catalog = make()
    for name, filename in (("large", large), ("demo", WHEEL)):
        artifact = artifact_of(catalog.page(name), filename)
        with pytest.raises(IntegrityError):
            catalog.metadata(artifact)
    assert list((tmp_path / "cache" / "temporary").iterdir()) == []


@pytest.mark.parametrize("content_range", ["bytes 0-9/100", "bytes 5-1/9", "nonsense", "bytes */5", ""])
def test_a_lying_content_range(make: MakeCatalog, world: IndexServer, content_range: str) -> None:
    world.sidecars = "none"
    headers = {"Content-Range": content_range} if content_range else {}
    world.fail(f"/files/{WHEEL}", status=206, body=b"0123456789", headers=headers, times=1)
    catalog = make()
    assert b"other>=1" in catalog.metadata(artifact_of(catalog.page("demo")))


def test_a_wheel_that_is_gone(make: MakeCatalog, world: IndexServer) -> None:
    catalog = make()
    artifact = artifact_of(catalog.page("demo"))
    world.fail("/files/*", status=404)
    error = failure(lambda: catalog.metadata(artifact))
    assert isinstance(error, Unavailable)
    assert WHEEL in error.message


def test_a_broken_wheel(make: MakeCatalog, world: IndexServer) -> None:
    (world.directory / "broken-1.0-py3-none-any.whl").write_bytes(b"not a zip")
    world.sidecars = "none"
    world.fail(
        "/simple/broken/", body=b'<h1>Links for broken</h1><a href="../../files/broken-1.0-py3-none-any.whl">x</a>'
    )
    catalog = make()
    artifact = artifact_of(catalog.page("broken"), "broken-1.0-py3-none-any.whl")
    assert "it is not a zip file" in failure(lambda: catalog.metadata(artifact)).message


def test_offline_metadata_of_an_unknown_host(make: MakeCatalog) -> None:
    artifact = Artifact(filename=WHEEL, url=f"https://host.example/{WHEEL}")
    assert WHEEL in failure(lambda: make(is_offline=True).metadata(artifact)).message


# -- files ------------------------------------------------------------------------------------------------


def test_a_download(make: MakeCatalog, world: IndexServer) -> None:
    catalog = make()
    chunks: list[bytes] = []
    chain = catalog.download(artifact_of(catalog.page("demo")), chunks.append)
    chain.result()
    assert chain.is_done
    assert b"".join(chunks) == (world.directory / WHEEL).read_bytes()


def test_a_download_of_nothing(make: MakeCatalog, world: IndexServer) -> None:
    catalog = make()
    artifact = artifact_of(catalog.page("demo"))
    world.fail("/files/*", status=410)
    chunks: list[bytes] = []
    error = failure(lambda: catalog.download(artifact, chunks.append).result())
    assert "status 410" in error.message
    assert chunks == []


def test_the_hash_of_a_file_that_the_index_does_not_tell(make: MakeCatalog, world: IndexServer) -> None:
    world.has_hashes = False
    catalog = make()
    artifact = artifact_of(catalog.page("demo"))
    assert artifact.sha256 is None
    wanted = hashlib.sha256((world.directory / WHEEL).read_bytes()).hexdigest()
    assert catalog.sha256(artifact) == wanted
    assert catalog.sha256(artifact) == wanted
    assert world.count(f"/files/{WHEEL}") == 1
