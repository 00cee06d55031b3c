"""Finds what may be sent to a place that asks who we are.

Sources, in this order: the URL or a variable, netrc, and the keyring program when it is switched on. A user name and a
password belong to an exact scheme, host and port; of two indexes of one host with different ones, each has its own for
its own path. Nothing found here is ever written anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

from provenv.errors import Unavailable
from provenv.net.secrets import Credentials, is_within, netrc_credentials, origin_of, redact, split_credentials

__all__ = ["Access", "AskKeyring", "Authenticate", "Keychain"]

Authenticate: TypeAlias = Literal["auto", "always", "never"]
AskKeyring: TypeAlias = Callable[[str, str | None], Credentials | None]
"""URL of the index and user name (None: whoever is known) to both; None when there is none."""


class Access:
    """A place that the user named, and what is known of the way in. ``url`` may hold user and password."""

    __slots__ = ("authenticate", "password", "url", "username")

    def __init__(
        self,
        url: str,
        *,
        username: str | None = None,
        password: str | None = None,
        authenticate: Authenticate = "auto",
    ) -> None:
        self.url, inside = split_credentials(url.strip())
        self.username = inside[0] if username is None and inside else username
        self.password = (inside[1] or None) if password is None and inside else password or None
        self.authenticate = authenticate

    @property
    def is_telling(self) -> bool:
        """Whether something is known here that is not known of every place."""
        return self.username is not None or self.password is not None or self.authenticate != "auto"

    @property
    def path(self) -> str:
        """The path of the URL, which everything that belongs to the place begins with."""
        return "/" + self.url.partition("://")[2].partition("#")[0].partition("?")[0].partition("/")[2]

    def told(self) -> tuple[str | None, str | None, str]:
        """What is known, to compare."""
        return self.username, self.password, self.authenticate


class Keychain:
    """All that one command knows of user names and passwords. Several threads may ask."""

    def __init__(
        self,
        places: Iterable[Access] = (),
        *,
        netrc_file: str | None = None,
        ask_keyring: AskKeyring | None = None,
    ) -> None:
        self._by_origin: dict[tuple[str, str, int], list[Access]] = {}
        for place in places:
            self.add(place)
        self._netrc_file = netrc_file
        self._ask_keyring = ask_keyring
        self._of_host: dict[str, Credentials | None] = {}
        """What netrc says, once it was read for a host: hundreds of requests ask."""

    def add(self, place: Access) -> None:
        """Learn of one more place."""
        self._by_origin.setdefault(origin_of(place.url), []).append(place)

    def credentials(self, url: str, *, is_redirected: bool = False) -> Credentials | None:
        """What may be sent to a URL. ``is_redirected``: another place sent us there, so netrc is not looked into unless
        the user named that origin.

        Raises Unavailable when the place must always be asked with credentials, and none are known.
        """
        origin = origin_of(url)
        access = self._access(url)
        if access is not None and access.authenticate == "never":
            return None
        if access is not None and access.password is not None:
            return access.username or "", access.password
        user = access.username if access is not None else None
        found = self._from_netrc(origin, user, is_redirected=is_redirected)
        if found is None and access is not None and self._ask_keyring is not None:
            found = self._ask_keyring(access.url, user)
        if found is None and user is not None:
            return user, ""
        if found is None and access is not None and access.authenticate == "always":
            raise Unavailable(
                f'{redact(access.url)}: `authenticate` is "always", and no user name and password are known',
                hint="give them in PROVENV_INDEX_<NAME>_USERNAME and _PASSWORD, in netrc or in a keyring",
            )
        return found

    def _access(self, url: str) -> Access | None:
        """The nearest place around a URL that tells something; else what all places of its origin agree on, for files
        often lie beside their index."""
        telling = [place for place in self._by_origin.get(origin_of(url), ()) if place.is_telling]
        if len({place.told() for place in telling}) == 1:
            return telling[0]
        around = [place for place in telling if is_within(url, place.path)]
        return max(around, key=lambda place: len(place.path), default=None)

    def _from_netrc(self, origin: tuple[str, str, int], user: str | None, *, is_redirected: bool) -> Credentials | None:
        """Netrc names hosts only. Where no one named the origin, a page or a redirect may have chosen scheme and port:
        then only https may have it, and only from a page."""
        if self._netrc_file is None:
            return None
        if origin not in self._by_origin and (is_redirected or origin[0] != "https"):
            return None
        host = origin[1]
        if host not in self._of_host:
            self._of_host[host] = netrc_credentials(self._netrc_file, host)
        found = self._of_host[host]
        return found if found is not None and user in (None, found[0]) else None
