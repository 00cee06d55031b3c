"""Tells parts of a project, and choices among parts that exclude one another, by markers. On the warm path."""

from __future__ import annotations

__all__ = ["Forks", "group_of", "section_marker"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def group_of(section: str) -> str:
    """The dependency group that stands for a workspace member, or for one of its parts, in a lock.

    No group of a project can have such a name: two dashes in a row are not normalised (PEP 735).
    """
    return section.replace(":", "--")


def section_marker(section: str) -> str:
    """The marker that is true when a section is wanted."""
    kind, _, name = section.partition(":")
    if kind == "extra":
        return f"'{name}' in extras"
    return f"'{group_of(section) if kind == 'member' else name}' in dependency_groups"


class Forks:
    """Choices among sections that exclude one another: from each set at most one is wanted.

    A *fork* holds for each set the section that is wanted, or "" for none.
    """

    __slots__ = ("_sets", "all")

    def __init__(self, conflicts: Sequence[Sequence[str]]) -> None:
        self._sets = [tuple(one) for one in conflicts]
        forks: list[tuple[str, ...]] = [()]
        for one in self._sets:
            forks = [(*fork, choice) for fork in forks for choice in ("", *one)]
        self.all = list(dict.fromkeys(fork for fork in forks if self._is_possible(fork)))
        """Every fork, the one without any of the sections first."""

    def excluded(self, fork: tuple[str, ...]) -> frozenset[str]:
        """The sections that a fork does without."""
        return frozenset(section for one in self._sets for section in one) - frozenset(fork)

    def _is_possible(self, fork: tuple[str, ...]) -> bool:
        """A section that is in several sets is chosen in all of them or in none."""
        chosen = set(filter(None, fork))
        return all(chosen & {*one} == {choice} - {""} for choice, one in zip(fork, self._sets, strict=True))

    def marker(self, section: str, wanted: Iterable[tuple[str, ...]]) -> str:
        """The smallest marker that is true in the wanted forks only, of those in which ``section`` can be wanted."""
        here = set(wanted)
        possible = {fork for fork in self.all if section not in self.excluded(fork)}
        if not self._sets or here == possible:
            return ""
        choices = [{fork[at] for fork in here} for at in range(len(self._sets))]
        product: set[tuple[str, ...]] = {()}
        for options in choices:
            product = {(*fork, choice) for fork in product for choice in options}
        if product & possible == here:
            parts = []
            for at, options in enumerate(choices):
                if options != {fork[at] for fork in possible}:
                    parts.append(_one_of(self._sets[at], options))
            parts = list(dict.fromkeys(parts))
            return " and ".join(f"({part})" if " or " in part and len(parts) > 1 else part for part in parts)
        texts = []
        for fork in sorted(here):
            both = [_one_of(self._sets[at], {choice}) for at, choice in enumerate(fork)]
            texts.append("(" + " and ".join(dict.fromkeys(both)) + ")")
        return " or ".join(texts)


def _one_of(sections: Sequence[str], options: set[str]) -> str:
    """True when the choice among these sections is one of the options."""
    if "" in options:
        return " and ".join(
            section_marker(section).replace("' in ", "' not in ") for section in sections if section not in options
        )
    return " or ".join(section_marker(section) for section in sections if section in options)
