from __future__ import annotations

import io
import random
import struct
import zipfile

import pytest

from provenv.index.tail import BadWheel, Want, metadata_in

NAME = "demo-1.0-py3-none-any.whl"
METADATA = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n" + b"Requires-Dist: other\n" * 50


def wheel(members: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for path, data in members.items():
            archive.writestr(path, data)
        archive.comment = comment
    return stream.getvalue()


def read(data: bytes, *, knows_size: bool = True, asked: list[Want] | None = None) -> bytes:
    reading = metadata_in(NAME, len(data) if knows_size else None)
    want = next(reading)
    try:
        while True:
            if asked is not None:
                asked.append(want)
            first = max(0, len(data) - want[1]) if want[0] is None else want[0]
            want = reading.send((first, data[first : first + want[1]], len(data)))
    except StopIteration as end:
        return bytes(end.value)


NOISE = random.Random(1).randbytes(200_000)


@pytest.mark.parametrize("knows_size", [True, False])
@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_a_usual_wheel_takes_one_piece(method: int, knows_size: bool) -> None:
    data = wheel({"demo/data": NOISE, "demo-1.0.dist-info/METADATA": METADATA}, method=method)
    asked: list[Want] = []
    assert read(data, knows_size=knows_size, asked=asked) == METADATA
    assert len(asked) == 1


def test_a_wheel_smaller_than_a_piece() -> None:
    assert read(wheel({"demo-1.0.dist-info/METADATA": METADATA})) == METADATA


def test_metadata_at_the_beginning() -> None:
    asked: list[Want] = []
    assert read(wheel({"demo-1.0.dist-info/METADATA": METADATA, "data": NOISE}), asked=asked) == METADATA
    assert sum(want[1] for want in asked) < 50_000


def test_many_members() -> None:
    members = {f"demo/{number:05}.py": b"" for number in range(2000)}
    asked: list[Want] = []
    data = wheel({"demo-1.0.dist-info/METADATA": METADATA, "noise": NOISE, **members})
    assert read(data, asked=asked) == METADATA
    assert len(asked) == 3


def test_many_members_before_metadata_take_two_pieces() -> None:
    members = {f"demo/{number:05}.py": b"" for number in range(2000)}
    hashes = NOISE[: 48 * len(members)]
    asked: list[Want] = []
    data = wheel(
        {"noise": NOISE, **members, "demo-1.0.dist-info/METADATA": METADATA, "demo-1.0.dist-info/RECORD": hashes}
    )
    assert read(data, asked=asked) == METADATA
    assert len(asked) == 2


def test_a_long_comment() -> None:
    assert read(wheel({"demo-1.0.dist-info/METADATA": METADATA}, comment=b"x" * 65_000)) == METADATA


def test_many_members_in_zip64() -> None:
    data = wheel({**{f"a{number}": b"" for number in range(66_000)}, "demo-1.0.dist-info/METADATA": METADATA})
    assert read(data) == METADATA


def test_other_dist_info_directories() -> None:
    members = {
        "other-2.0.dist-info/METADATA": b"other",
        "demo/_vendor/demo-1.0.dist-info/METADATA": b"vendored",
        "Demo-1.0.dist-info/METADATA": METADATA,
    }
    assert read(wheel(members)) == METADATA


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a zip"),
        (b"<html>login</html>" * 10_000, "not a zip"),
        (wheel({"demo/x": b"x"}), "no METADATA"),
        (wheel({"a-1.dist-info/METADATA": b"a", "b-1.dist-info/METADATA": b"b"}), "several packages"),
        (wheel({"demo-1.0.dist-info/METADATA": METADATA})[:-30], "not a zip"),
        (wheel({"demo-1.0.dist-info/METADATA": METADATA}, method=zipfile.ZIP_BZIP2), "method 12"),
        (wheel({"demo-1.0.dist-info/METADATA": b"x" * (17 << 20)}), "larger than 16 MiB"),
    ],
)
def test_bad_wheels(data: bytes, reason: str) -> None:
    with pytest.raises(BadWheel, match=reason):
        read(data)


def test_damage_is_never_taken_for_metadata() -> None:
    """Any change of any byte gives the same metadata or a refusal, in bounded time."""
    data = wheel({"demo/x.py": b"x", "demo-1.0.dist-info/METADATA": METADATA, "demo-1.0.dist-info/RECORD": b"r"})
    dice = random.Random(2)
    refused = 0
    for _ in range(3000):
        damaged = bytearray(data)
        for _ in range(dice.randrange(1, 4)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        asked: list[Want] = []
        try:
            assert read(bytes(damaged), asked=asked) == METADATA
        except BadWheel:
            refused += 1
        assert len(asked) <= 5
        assert all(length >= 0 and (first is None or first >= 0) for first, length in asked)
    assert refused > 300


def test_a_lying_end_record() -> None:
    data = bytearray(wheel({"demo-1.0.dist-info/METADATA": METADATA}))
    end = data.rfind(b"PK\x05\x06")
    struct.pack_into("<L", data, end + 16, 0xFFFFFFF0)
    with pytest.raises(BadWheel, match="damaged"):
        read(bytes(data))


def test_of_very_many_members_only_the_list_is_read() -> None:
    members = {f"demo/a-rather-long-directory-name/another-one/{number:05}.py": b"" for number in range(4000)}
    data = wheel({**members, "demo-1.0.dist-info/METADATA": METADATA, "demo-1.0.dist-info/RECORD": NOISE})
    asked: list[Want] = []
    assert read(data, asked=asked) == METADATA
    assert len(asked) == 3
    assert sum(want[1] for want in asked) < len(data) - len(NOISE)
