"""Makes what was selected from a lock ready to be installed: what is no wheel yet is built. On the warm path."""

from __future__ import annotations

from provenv.model.plan import Unbuilt, Wanted

__all__ = ["Ready", "is_left_out"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from provenv.flows.aimed import Policy
    from provenv.flows.choice import Choice
    from provenv.flows.world import World
    from provenv.model.machine import Interpreter


class Ready:
    """The selection of one sync, as wheels. What needs no building costs nothing."""

    def __init__(
        self, world: World, items: Sequence[Wanted | Unbuilt], choice: Choice, interpreter: Interpreter
    ) -> None:
        self._world = world
        self._interpreter = interpreter
        kept = [item for item in items if not is_left_out(world, item, choice)]
        self._wheels = [_placed(world, item) for item in kept if isinstance(item, Wanted)]
        self._unbuilt = [
            item.changed(is_editable=item.is_editable and choice.is_editable)
            for item in kept
            if isinstance(item, Unbuilt)
        ]
        self._runtime = {item.name: item.version for item in items if item.version is not None}
        self._later: list[Unbuilt] | None = None
        self._first: list[Wanted] | None = None

    @property
    def is_complete(self) -> bool:
        """Whether ``first`` is all there is: nothing must be built inside the environment."""
        return not self._later

    @property
    def later_names(self) -> Collection[str]:
        """Packages that are built when the environment holds the others."""
        return {item.name for item in self._later or ()}

    def first(self) -> list[Wanted]:
        """The wheels that can be had before the environment is there, sorted by name."""
        if self._first is None:
            self._first = self._wheels
            if self._unbuilt:
                from provenv.flows.built import built, known_wheel, needs_environment

                policy = self._policy()
                known = {item.name: known_wheel(self._world, item, self._interpreter, policy, runtime=self._runtime)
                         for item in self._unbuilt if needs_environment(item, policy)}  # fmt: skip
                self._later = [item for item in self._unbuilt if item.name in known and known[item.name] is None]
                now = [item for item in self._unbuilt if item.name not in known]
                wheels = built(self._world, now, self._interpreter, policy, runtime=self._runtime) if now else []
                self._first = _sorted([*self._wheels, *wheels, *filter(None, known.values())])
        return self._first

    def all(self) -> list[Wanted]:
        """All wheels, now that the environment holds the first ones."""
        first = self.first()
        if not self._later:
            return first
        from provenv.flows.built import built

        later = built(self._world, self._later, self._interpreter, self._policy(), runtime=self._runtime)
        return _sorted([*first, *later])

    def known(self) -> list[Wanted]:
        """All wheels without building: one that would have to be built stands there with an empty hash."""
        if not self._unbuilt:
            return self._wheels
        from provenv.flows.built import known_wheel

        policy = self._policy()
        found = []
        for item in self._unbuilt:
            wheel = known_wheel(self._world, item, self._interpreter, policy, runtime=self._runtime)
            found.append(wheel or Wanted(name=item.name, version=item.version or "", filename="", sha256=""))
        return _sorted([*self._wheels, *found])

    def _policy(self) -> Policy:
        from provenv.flows.aim import aim

        return aim(self._world)["policy"]


def _placed(world: World, item: Wanted) -> Wanted:
    """A wheel that the project names by a path tells the environment where that is on this computer."""
    if item.path is None or item.direct_url is None:
        return item
    import json
    import os

    from provenv.index.local import url_of_path

    path = os.path.normpath(os.path.join(world.directory, item.path))
    told = {**json.loads(item.direct_url), "url": url_of_path(path)}
    return item.changed(direct_url=json.dumps(told, sort_keys=True))


def _sorted(wheels: Sequence[Wanted]) -> list[Wanted]:
    return sorted(wheels, key=lambda item: item.name)


def _locked_members(world: World) -> Collection[str]:
    """Members of the workspace when the lock was made: with ``--frozen`` their directories may not be there yet."""
    from provenv.flows import files
    from provenv.flows.known_lock import known_lock

    data = files.read_if_there(world.lock_file)
    members: Collection[str] = known_lock(world, data).inputs.get("members", ()) if data is not None else ()
    return members


def is_left_out(world: World, item: Wanted | Unbuilt, choice: Choice) -> bool:
    """Whether the words of the command keep a package out of the environment."""
    if item.name in choice.no_install:
        return True
    if not isinstance(item, Unbuilt) or item.kind != "directory":
        return choice.no_install_local and isinstance(item, Unbuilt) and item.kind != "sdist" and item.path is not None
    if choice.no_install_local:
        return True
    if not (choice.no_install_project or choice.no_install_workspace):
        return False
    from provenv.flows.aim import aim

    aimed = aim(world)
    is_project = item.name == (world.member or aimed["name"])
    is_of_workspace = item.name in aimed["members"] or item.name == aimed["name"] or item.name in _locked_members(world)
    return (choice.no_install_project and is_project) or (choice.no_install_workspace and is_of_workspace)
