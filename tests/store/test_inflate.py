"""Inflating a member: in pieces of bounded size, and nothing that is not exactly what the archive promises."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from provenv.archives.judge import Judge
from provenv.archives.zip import Member, read_archive
from provenv.errors import IntegrityError
from provenv.store.inflate import Source, pieces

LENGTH = 40 << 20


def only_member(path: Path) -> tuple[Source, Member]:
    source = Source(str(path), path.name)
    mapped = source.map()
    with memoryview(mapped) as view:
        (member,) = read_archive(view, path.name, Judge(path.name))
    mapped.close()
    return source, member


@pytest.fixture
def bomb(tmp_path: Path) -> Path:
    """One member that is a thousand times as long inside."""
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(LENGTH))
    return path


def test_what_inflates_to_very_much_comes_in_pieces(bomb: Path) -> None:
    source, member = only_member(bomb)
    lengths = [len(piece) for piece in pieces(source, member)]
    source.close()
    assert sum(lengths) == LENGTH
    assert max(lengths) <= 4 << 20


@pytest.mark.parametrize("size", [LENGTH - 1, (4 << 20) - 1, 4 << 20])
def test_what_inflates_to_more_than_promised_is_refused(bomb: Path, size: int) -> None:
    source, member = only_member(bomb)
    member.size = size
    with pytest.raises(IntegrityError, match=f"expected {size} bytes, found more"):
        list(pieces(source, member))
    source.close()


def test_a_stream_that_ends_early_is_refused(bomb: Path) -> None:
    source, member = only_member(bomb)
    member.end -= 8
    with pytest.raises(IntegrityError, match="one complete deflate stream"):
        list(pieces(source, member))
    source.close()
