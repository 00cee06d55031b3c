from __future__ import annotations

import os
import threading
from pathlib import Path

from provenv.index.cache import CachedPage, IndexCache, digest_of

URL = "https://host.example/simple/"


def head(body: bytes, *, expires: float = 5.0, status: int = 200) -> CachedPage:
    return CachedPage(
        url=URL + "demo/",
        status=status,
        digest=digest_of(body),
        content_type="text/html; charset=utf-8",
        expires=expires,
        etag='W/"a: b"',
        last_modified=None,
    )


def files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def fresh(directory: Path) -> IndexCache:
    return IndexCache(str(directory))


def test_pages_are_kept(tmp_path: Path) -> None:
    cache = fresh(tmp_path)
    assert cache.page(URL, "demo") is None
    cache.keep_page(URL, "demo", head(b"body"), b"body")
    cache.close()
    page = fresh(tmp_path).page(URL, "demo")
    assert page is not None
    assert (page.url, page.status, page.expires, page.etag, page.last_modified) == (
        URL + "demo/", 200, 5.0, 'W/"a: b"', None,
    )  # fmt: skip
    assert fresh(tmp_path).body(URL, "demo", page) == b"body"
    assert fresh(tmp_path).page("https://other.example/", "demo") is None


def test_a_new_body_replaces_the_old(tmp_path: Path) -> None:
    cache = fresh(tmp_path)
    cache.keep_page(URL, "demo", head(b"old"), b"old")
    cache.keep_page(URL, "demo", head(b"new"), b"new")
    cache.keep_page(URL, "demo", head(b"new", expires=9.5), None)
    cache.close()
    page = fresh(tmp_path).page(URL, "demo")
    assert page is not None
    assert page.expires == 9.5
    assert fresh(tmp_path).body(URL, "demo", page) == b"new"
    assert len(files(tmp_path)) == 2


def test_a_missing_package_is_remembered(tmp_path: Path) -> None:
    cache = fresh(tmp_path)
    cache.keep_page(URL, "demo", head(b"", status=404), None)
    cache.close()
    page = fresh(tmp_path).page(URL, "demo")
    assert page is not None
    assert page.status == 404


def test_damage_is_as_good_as_missing(tmp_path: Path) -> None:
    cache = fresh(tmp_path)
    cache.keep_page(URL, "demo", head(b"body"), b"body")
    cache.keep_metadata("a" * 64, b"content")
    cache.close()
    page = cache.page(URL, "demo")
    assert page is not None
    for name in files(tmp_path):
        path = tmp_path / name
        for data in (b"", path.read_bytes()[:-1], b"\xff" + path.read_bytes()[1:]):
            before = path.read_bytes()
            path.write_bytes(data)
            found = fresh(tmp_path).page(URL, "demo")
            assert found is None or fresh(tmp_path).body(URL, "demo", found) in (None, b"body")
            assert fresh(tmp_path).metadata("a" * 64) in (None, b"content")
            path.write_bytes(before)
    os.unlink(next(tmp_path.rglob(f"*{page.digest}")))
    assert fresh(tmp_path).page(URL, "demo") is None


def test_metadata_is_kept(tmp_path: Path) -> None:
    cache = fresh(tmp_path)
    cache.keep_metadata("ab" * 32, b"content")
    cache.keep_metadata("cd" * 32, b"")
    cache.close()
    assert fresh(tmp_path).metadata("ab" * 32) == b"content"
    assert fresh(tmp_path).metadata("cd" * 32) == b""
    assert fresh(tmp_path).metadata("ef" * 32) is None


def test_facts_grow_old(tmp_path: Path) -> None:
    cache = fresh(tmp_path)
    cache.keep_fact("host", "ranges", False, 1000.0)
    cache.keep_fact("host", "sidecars", True, 1000.0)
    cache.close()
    again = fresh(tmp_path)
    assert again.fact("host", "ranges", 1001.0) is False
    assert again.fact("host", "ranges", 1000.0 + 2 * 86400) is None
    assert again.fact("host", "sidecars", 1000.0 + 2 * 86400) is True
    assert again.fact("host", "sidecars", 1000.0 + 9 * 86400) is None
    assert again.fact("host", "sidecars", 0.0) is None
    assert again.fact("other", "sidecars", 1000.0) is None


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = IndexCache(str(tmp_path / "file"))
    cache.keep_page(URL, "demo", head(b"body"), b"body")
    cache.keep_metadata("ab" * 32, b"content")
    cache.keep_fact("host", "ranges", True, 1.0)
    cache.close()
    assert cache.page(URL, "demo") is None
    assert files(tmp_path) == ["file"]


def test_many_writers(tmp_path: Path) -> None:
    def write(number: int) -> None:
        cache = fresh(tmp_path)
        for turn in range(20):
            body = f"{number} {turn}".encode() * 500
            cache.keep_page(URL, "demo", head(body), body)
            page = cache.page(URL, "demo")
            if page is not None:
                found = cache.body(URL, "demo", page)
                assert found is None or digest_of(found) == page.digest
        cache.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not [name for name in files(tmp_path) if name.endswith("~")]
