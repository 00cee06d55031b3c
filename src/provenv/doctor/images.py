"""Names of container images that mean another image another day."""

from __future__ import annotations

from collections.abc import Iterator

from provenv.doctor.words import found
from provenv.model.finding import Finding

__all__ = ["image_findings"]


def image_findings(image: str, *, path: str, line: int) -> Iterator[Finding]:
    """One finding for an image without a tag or digest, or with one that moves by design."""
    if "@sha256:" in image:
        return
    tag = image.rpartition("/")[2].partition(":")[2]
    if tag and tag not in ("latest", "nightly", "edge", "main", "master"):
        return
    actual = f"`{image}` has the tag `{tag}`, which moves" if tag else f"`{image}` names no tag, so it is `latest`"
    yield found(
        "unpinned-image",
        actual,
        "name a version, or better a digest (`image:tag@sha256:...`)",
        path=path,
        line=line,
    )
