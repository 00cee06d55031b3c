"""Finds the certificates that this computer trusts.

A libcurl that came inside a wheel knows the places of the machine that it was built on, not those of this one.
"""

from __future__ import annotations

import importlib
import os

__all__ = ["system_certificates"]

_USUAL_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Gentoo
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",  # older RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS, BSD
    "/etc/pki/tls/cert.pem",
)


def system_certificates() -> tuple[str | None, str | None]:
    """The bundle and the hashed directory to trust; both None when libcurl must know by itself."""
    for path in _USUAL_BUNDLES:
        if os.path.isfile(path):
            return path, None
    import ssl

    paths = ssl.get_default_verify_paths()
    if paths.cafile or paths.capath:
        return paths.cafile, paths.capath
    try:
        return str(importlib.import_module("certifi").where()), None
    except ImportError:
        return None, None
