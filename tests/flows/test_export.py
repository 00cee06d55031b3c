from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.pylock import Pylock
from packaging.requirements import Requirement

from provenv.flows.export import export, without_hash
from provenv.model.plan import Unbuilt, Wanted

_HASH = "ab" * 32
_URL = "https://files.example"

ITEMS: dict[str, Wanted | Unbuilt] = {
    "wheel": Wanted(name="a", version="1.0", filename="a-1.0-py3-none-any.whl", sha256=_HASH, url=f"{_URL}/a.whl"),
    "direct": Wanted(
        name="b", version="1.0", filename="b-1.0-py3-none-any.whl", sha256=_HASH, url=f"{_URL}/b.whl", direct_url="{}"
    ),
    "local": Wanted(
        name="c", version="1.0", filename="c-1.0-py3-none-any.whl", sha256=_HASH, path="wheels/c-1.0-py3-none-any.whl"
    ),
    "sdist": Unbuilt(name="d", kind="sdist", version="1.0+x", url=f"{_URL}/d-1.0%2Bx.tar.gz", sha256=_HASH, size=3),
    "archive": Unbuilt(name="e", kind="archive", url=f"{_URL}/e.zip", sha256=_HASH, subdirectory="x/y"),
    "git": Unbuilt(name="f", kind="git", url="https://git.example/f.git", commit="0" * 40, subdirectory="x"),
    "directory": Unbuilt(name="g", kind="directory", version="0.1", path="libs/g"),
    "editable": Unbuilt(name="h", kind="directory", path=".", is_editable=True),
    "below": Unbuilt(name="i", kind="directory", path="../i", subdirectory="x"),
    "spaced": Unbuilt(name="j", kind="directory", path="my libs/j"),
}
_LINES = {
    "wheel": "a==1.0 --hash",
    "direct": f"b @ {_URL}/b.whl --hash",
    "local": "./wheels/c-1.0-py3-none-any.whl --hash",
    "sdist": "d==1.0+x --hash",
    "archive": f"e @ {_URL}/e.zip#subdirectory=x/y --hash",
    "git": f"f @ git+https://git.example/f.git@{'0' * 40}#subdirectory=x",
    "directory": "./libs/g",
    "editable": "-e .",
    "below": "../i/x",
    "spaced": "file:///base/project/my%20libs/j",
}


@pytest.mark.parametrize("kind", list(ITEMS))
def test_lines_of_every_kind(kind: str) -> None:
    text = export([ITEMS[kind]], "requirements.txt", directory="/base/project", into="/", has_header=False)
    assert text.replace(f" \\\n    --hash=sha256:{_HASH}", " --hash").strip() == _LINES[kind]
    line = text.partition(" \\")[0].strip()
    if not line.startswith((".", "-e", "file:")):
        assert Requirement(line).name == ITEMS[kind].name


def test_what_has_no_hash() -> None:
    assert without_hash(list(ITEMS.values())) == ["f", "g", "h", "i", "j"]


def test_a_lock_of_every_kind() -> None:
    text = export(list(ITEMS.values()), "pylock.toml", directory="/base/project", into="/base/project/out")
    lock = Pylock.from_dict(tomllib.loads(text))
    a, b, c, d, e, f, g, h, i, j = lock.packages
    assert a.wheels is not None
    assert a.wheels[0].url == f"{_URL}/a.whl"
    assert b.archive is not None
    assert c.wheels is not None
    assert c.wheels[0].path == "../wheels/c-1.0-py3-none-any.whl"
    assert d.sdist is not None
    assert (d.sdist.name, d.sdist.size) == ("d-1.0+x.tar.gz", 3)
    assert e.archive is not None
    assert e.archive.subdirectory == "x/y"
    assert f.vcs is not None
    assert (f.vcs.url, f.vcs.commit_id, f.vcs.subdirectory) == ("https://git.example/f.git", "0" * 40, "x")
    assert g.directory is not None
    assert (g.directory.path, g.directory.editable, g.version) == ("../libs/g", None, None)
    assert h.directory is not None
    assert (h.directory.path, h.directory.editable) == ("..", True)
    assert i.directory is not None
    assert (i.directory.path, i.directory.subdirectory) == ("../../i", "x")
    assert j.directory is not None
    assert j.directory.path == "../my libs/j"


def test_a_repository_on_this_computer(tmp_path: Path) -> None:
    item = Unbuilt(name="f", kind="git", path="../f", commit="1" * 40)
    text = export([item], "requirements.txt", directory=str(tmp_path / "project"), into="/", has_header=False)
    assert text == f"f @ git+file://{tmp_path}/f@{'1' * 40}\n"
