"""Turns what libcurl and servers say into one sentence and a hint. No secret passes through."""

from __future__ import annotations

import pycurl

from provenv.errors import Unavailable
from provenv.net.secrets import origin_of, redact
from provenv.net.settings import NetSettings

__all__ = ["RETRIED_CODES", "failure_of", "is_retried_status", "offline_failure", "status_failure"]

# CURLE_HTTP2_STREAM; pycurl has no name for it.
_HTTP2_STREAM = 92

RETRIED_CODES = frozenset(
    {
        pycurl.E_COULDNT_RESOLVE_PROXY,
        pycurl.E_COULDNT_RESOLVE_HOST,
        pycurl.E_COULDNT_CONNECT,
        pycurl.E_HTTP2,
        pycurl.E_PARTIAL_FILE,
        pycurl.E_OPERATION_TIMEDOUT,
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_GOT_NOTHING,
        pycurl.E_SEND_ERROR,
        pycurl.E_RECV_ERROR,
        _HTTP2_STREAM,
    }
)

_NETWORK_HINT = "check the network and the proxy settings, or use --offline to work with what is cached"
_CERTIFICATE_HINT = "if this computer trusts its own certificates, name their bundle in SSL_CERT_FILE"


def is_retried_status(status: int) -> bool:
    """Whether another attempt may give another status (RFC 9110, 15; RFC 6585, 4; RFC 8470, 5.2)."""
    return status in (408, 425, 429) or (status >= 500 and status not in (501, 505))


def failure_of(code: int, message: str, url: str, settings: NetSettings) -> Unavailable:
    """The error for a transfer that libcurl gave up."""
    where = redact(url)
    _, host, port = origin_of(url)
    if code in (pycurl.E_COULDNT_RESOLVE_HOST, pycurl.E_COULDNT_RESOLVE_PROXY):
        what = "proxy" if code == pycurl.E_COULDNT_RESOLVE_PROXY else "host"
        return Unavailable(f"{where}: the name of the {what} cannot be resolved ({host})", hint=_NETWORK_HINT)
    if code == pycurl.E_COULDNT_CONNECT:
        return Unavailable(f"{where}: no connection to {host}:{port}", hint=_NETWORK_HINT)
    if code == pycurl.E_OPERATION_TIMEDOUT:
        if "too slow" in message:
            reason = f"less than 1 KiB per second for {settings.stall_seconds} s"
        else:
            reason = f"no connection within {settings.timeout_connect:g} s"
        return Unavailable(f"{where}: {host} does not answer ({reason})", hint=_NETWORK_HINT)
    if code in (pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT_BADFILE):
        return Unavailable(f"{where}: the certificate is not trusted: {redact(message)}", hint=_CERTIFICATE_HINT)
    return Unavailable(
        f"{where}: the transfer failed: {redact(message) or f'libcurl error {code}'}", hint=_NETWORK_HINT
    )


def status_failure(status: int, url: str) -> Unavailable:
    """The error for a status that did not change after all attempts."""
    hint = "too many requests: try again later" if status == 429 else "the server has a problem: try again later"
    return Unavailable(f"{redact(url)}: {origin_of(url)[1]} answered with status {status}", hint=hint)


def offline_failure(url: str) -> Unavailable:
    """The error for a request in offline mode."""
    return Unavailable(f"{redact(url)}: not cached, and the network is not used", hint="run it once without --offline")
