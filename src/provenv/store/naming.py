"""The file name of a wheel that lies in the store under nothing but its hash."""

from __future__ import annotations

__all__ = ["name_in_wheel"]


def name_in_wheel(path: str) -> str | None:
    """A name that fits the wheel: name and version of its ``.dist-info``, and its first tag; None when it has none."""
    from email.parser import HeaderParser
    from zipfile import BadZipFile, ZipFile

    try:
        with ZipFile(path) as archive:
            tops = {name.partition("/")[0] for name in archive.namelist() if "/" in name}
            dist_info = next((top for top in sorted(tops) if top.endswith(".dist-info")), None)
            if dist_info is None:
                return None
            headers = HeaderParser().parsestr(archive.read(f"{dist_info}/WHEEL").decode("utf-8", "replace"))
    except (OSError, BadZipFile, KeyError, NotImplementedError):
        return None
    tag = headers.get("Tag")
    return None if tag is None else f"{dist_info.removesuffix('.dist-info')}-{tag.strip()}.whl"
