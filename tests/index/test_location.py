from __future__ import annotations

from pathlib import Path

import pytest

from provenv.errors import InputError
from provenv.index.local import path_of_url, project_of, url_of_path
from provenv.index.location import default_url, location_from, split_name


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://host.example/simple", "https://host.example/simple/"),
        ("https://host.example/simple/", "https://host.example/simple/"),
        (" https://u:s3cret@host.example/simple ", "https://host.example/simple/"),
        ("https://host.example/simple/#x", "https://host.example/simple/"),
        ("wheels", "file:///base/wheels/"),
        ("/abs/w h", "file:///abs/w%20h/"),
        ("file:///abs", "file:///abs/"),
    ],
)
def test_words_become_locations(text: str, url: str) -> None:
    assert location_from(text, directory="/base").url == url


def test_names() -> None:
    assert location_from("https://u:s3cret@host.example", directory="/").name == "https://host.example/"
    assert location_from("https://host.example", directory="/", name="mine", is_explicit=True).name == "mine"


def test_a_flat_page_is_a_file() -> None:
    location = location_from("https://host.example/whl/torch.html", directory="/", kind="flat")
    assert (location.url, location.kind) == ("https://host.example/whl/torch.html", "flat")


@pytest.mark.parametrize("text", ["ftp://host.example/", "https://", "git+https://u:s3cret@host.example/x"])
def test_other_words(text: str) -> None:
    with pytest.raises(InputError) as caught:
        location_from(text, directory="/")
    assert "s3cret" not in str(caught.value)


def test_the_default_index_is_a_simple_repository() -> None:
    url = default_url()
    assert url.startswith("https://")
    assert url.endswith("/simple/")


@pytest.mark.parametrize(
    ("text", "name", "url"),
    [
        ("https://host.example/simple/", None, "https://host.example/simple/"),
        ("https://host.example/simple/?a=b", None, "https://host.example/simple/?a=b"),
        ("mine=https://host.example/simple/?a=b", "mine", "https://host.example/simple/?a=b"),
        ("my-own_1.0=../wheels", "my-own_1.0", "../wheels"),
        ("/a/b=c", None, "/a/b=c"),
        ("mine=", None, "mine="),
    ],
)
def test_a_place_may_have_a_name(text: str, name: str | None, url: str) -> None:
    assert split_name(text) == (name, url)


def test_paths_and_urls(tmp_path: Path) -> None:
    path = str(tmp_path / "a b+c%41#d")
    assert path_of_url(url_of_path(path)) == path
    assert path_of_url("https://host.example/x") is None
    assert path_of_url("file://elsewhere/x") is None
    assert path_of_url("file://localhost/x") == "/x"


@pytest.mark.parametrize(
    ("filename", "project"),
    [
        ("Demo_Pkg-1.0-py3-none-any.whl", "demo-pkg"),
        ("demo.pkg-1.0.tar.gz", "demo-pkg"),
        ("demo-pkg-1.0.zip", "demo-pkg"),
    ],
)
def test_projects_of_files(filename: str, project: str) -> None:
    assert project_of(filename) == project
