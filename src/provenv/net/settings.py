"""What the user chose about the network; read from flags and environment by the face, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from provenv.net.keychain import Keychain

__all__ = ["NetSettings"]


@dataclass(frozen=True, kw_only=True, slots=True)
class NetSettings:
    """Limits, certificates, proxies and credentials of one command."""

    user_agent: str = "provenv"
    timeout_connect: float = 10.0
    """Seconds to reach a host (``PROVENV_HTTP_CONNECT_TIMEOUT``)."""
    stall_seconds: int = 30
    """A transfer that moves less than 1 KiB per second for this long has failed (``PROVENV_HTTP_TIMEOUT``); it is tried
    once more."""
    retries: int = 3
    """How often one request is tried again (``PROVENV_HTTP_RETRIES``); progress of a download starts the count anew."""
    pause_limit: float = 30.0
    """Longest pause in seconds between two attempts, whatever ``Retry-After`` asks for."""
    max_connections: int = 16
    ca_file: str | None = None
    """A bundle of trusted certificates (``SSL_CERT_FILE``); None: that of the system."""
    ca_dir: str | None = None
    """A hashed directory of trusted certificates (``SSL_CERT_DIR``)."""
    proxies: Mapping[str, str] = field(default_factory=dict)
    """Scheme to proxy URL. What is not named follows ``http_proxy``, ``https_proxy`` and ``no_proxy``, as in curl."""
    no_proxy: str | None = None
    keychain: Keychain = field(default_factory=Keychain, repr=False)
    """User names and passwords."""
    is_offline: bool = False
    """Every request fails at once."""
