"""Keeps user names, passwords and tokens out of everything that is shown or written, and finds them when needed.

Who may be sent what is decided by ``net.keychain``.
"""

from __future__ import annotations

__all__ = [
    "Credentials",
    "is_within",
    "join_credentials",
    "netrc_credentials",
    "origin_of",
    "redact",
    "split_credentials",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Credentials: TypeAlias = tuple[str, str]
else:
    Credentials = tuple

_PORTS = {"http": 80, "https": 443}
_LONGEST_PORT = 5
_SECRET_KEYS = (
    "access[_-]?token|api[_-]?key|auth|authorization|credential|jwt|key|pass|passwd|password|private[_-]?token|"
    "secret|sig|signature|token|x-amz-credential|x-amz-security-token|x-amz-signature|x-goog-credential|"
    "x-goog-signature"
)


def split_credentials(url: str) -> tuple[str, Credentials | None]:
    """The URL without ``user:password@``, and both, percent-decoded; a lone user name has an empty password."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url, None
    end = min((at for at in (rest.find(mark) for mark in "/?#") if at >= 0), default=len(rest))
    userinfo, at_sign, host = rest[:end].rpartition("@")
    clean = f"{scheme}://{host}{rest[end:]}"
    if not at_sign or not userinfo.strip(":"):
        return clean, None
    user, _, password = userinfo.partition(":")
    return clean, (_decoded(user), _decoded(password))


def join_credentials(url: str, credentials: Credentials) -> str:
    """The URL with ``user:password@`` inside, percent-encoded: only for a place that must carry secrets."""
    from urllib.parse import quote

    clean, _ = split_credentials(url)
    scheme, _, rest = clean.partition("://")
    user, password = (quote(part, safe="") for part in credentials)
    return f"{scheme}://{user}:{password}@{rest}"


def redact(text: str) -> str:
    """The text with the secrets inside its URLs replaced by stars."""
    import re

    text = re.sub(r"(?i)\b([a-z][a-z0-9+.-]{0,30}://)[^\s/?#@\"'<>]*(?:@[^\s/?#@\"'<>]*)*@", r"\1****@", text)
    text = re.sub(rf"(?i)([?&;](?:{_SECRET_KEYS})=)[^&;#\s\"'<>]*", r"\1****", text)
    return re.sub(r"(?i)\b(authorization:\s*)(?:\S+\s+)?\S+", r"\1****", text)


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port, in lower case, with the scheme's usual port filled in."""
    clean, _ = split_credentials(url)
    scheme, _, rest = clean.partition("://")
    scheme = scheme.lower()
    end = min((at for at in (rest.find(mark) for mark in "/?#") if at >= 0), default=len(rest))
    host, colon, port = rest[:end].rpartition(":")
    if not colon or port.endswith("]") or not (port.isascii() and port.isdecimal()) or len(port) > _LONGEST_PORT:
        host, port = rest[:end].rstrip(":"), ""
    return scheme, host.lower(), int(port) if port else _PORTS.get(scheme, 0)


def is_within(url: str, path: str) -> bool:
    """Whether a server will see a path below ``path`` in that URL: ``/team-evil`` is not within ``/team``."""
    return (_path_of(url) + "/").startswith(path.rstrip("/") + "/")


def netrc_credentials(netrc_file: str, host: str) -> Credentials | None:
    """What a netrc file says of a host; None when the file is missing or cannot be read as one."""
    import netrc

    try:
        found = netrc.netrc(netrc_file).authenticators(host)
    except (OSError, UnicodeDecodeError, netrc.NetrcParseError):
        return None
    return (found[0] or "", found[2] or "") if found else None


def _path_of(url: str) -> str:
    """The path as a server will see it: percent-decoded, without ``.`` and ``..``."""
    path = url.partition("://")[2].partition("#")[0].partition("?")[0].partition("/")[2]
    segments: list[str] = []
    for segment in _decoded(path).replace("\\", "/").split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    return "/" + "/".join(segments)


def _decoded(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote

    return unquote(text)
