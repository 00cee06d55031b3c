"""Compute capabilities by the names of GPUs."""

from __future__ import annotations

from provenv.stack.tables import Fact, Tables

__all__ = ["gpu_by_name", "names_like"]

_NOISE = {
    "nvidia",
    "geforce",
    "tesla",
    "quadro",
    "gpu",
    "generation",
    "laptop",
    "pcie",
    "sxm",
    "sxm2",
    "sxm4",
    "sxm5",
    "nvl",
}


def gpu_by_name(tables: Tables, name: str) -> Fact | None:
    """The row of a GPU, as people write it (``H100``, ``rtx 4090``) or as drivers do (``NVIDIA H100 80GB HBM3``).

    None when no row, or more than one capability, fits.
    """
    wanted = _words(name)
    known = [(words, fact) for fact in tables.rows("gpu") for words in _spellings(fact["name"])]
    found = [row for row in known if row[0] == wanted] or [row for row in known if set(row[0]) <= set(wanted)]
    if not found:
        return None
    longest = max(len(words) for words, _ in found)
    best = [fact for words, fact in found if len(words) == longest]
    return best[0] if len({fact["compute"] for fact in best}) == 1 else None


def names_like(tables: Tables, name: str) -> list[str]:
    """Names of the table that a mistyped one may mean, best first."""
    from difflib import get_close_matches

    known = {" ".join(_words(fact["name"])): str(fact["name"]) for fact in tables.rows("gpu")}
    return [known[match] for match in get_close_matches(" ".join(_words(name)), list(known), n=3, cutoff=0.5)]


def _spellings(name: str) -> list[tuple[str, ...]]:
    """``GB10 (DGX Spark)`` is known by the name, by what stands in parentheses, and by both."""
    chip, _, board = name.partition("(")
    return [words for words in (_words(name), _words(chip), _words(board)) if words]


def _words(name: str) -> tuple[str, ...]:
    plain = name.lower().replace("(", " ").replace(")", " ").replace("-", " ").replace("_", " ").replace(",", " ")
    words = [word for word in plain.split() if word not in _NOISE]
    return tuple(word for word in words if not (word.endswith("gb") and word[:-2].isdecimal()))
