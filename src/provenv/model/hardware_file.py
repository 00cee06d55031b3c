"""The facts of a machine as plain values, and as the TOML file that ``provenv machine record`` writes.

A fact that is not known is left out. ``gpus = []`` says that there is none; without the key, nothing is known of GPUs.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from provenv.errors import InputError
from provenv.model.hardware import Gpu, Hardware, capability_of, pair_text
from provenv.model.mistakes import Mistakes
from provenv.model.target import CPU_LEVELS

__all__ = ["fingerprint", "from_document", "from_toml", "to_document", "to_toml"]

SYSTEMS = ("linux", "macos", "windows")
VENDORS = ("nvidia", "amd", "intel")
_TEXTS = ("recorded", "system", "architecture", "glibc", "musl", "macos", "glibcxx", "cpu", "driver", "cuda",
          "cuda-source", "rocm")  # fmt: skip
_KEYS = (*_TEXTS, "wsl", "container", "gpus", "sonames")
_GPU_KEYS = ("name", "vendor", "compute", "gfx", "memory")
_VERSION = re.compile(r"\d{1,6}(\.\d{1,6})+")
_PAIR = re.compile(r"(\d{1,4})\.(\d{1,4})")
#: Nobody's machine has more; a file with more is a mistake or an attack.
_MOST_SONAMES, _MOST_GPUS = 100_000, 1_024


def to_document(hardware: Hardware) -> dict[str, Any]:
    """Plain values for JSON and TOML, always in the same order; ``from_document`` gives the same Hardware again."""
    texts = {
        "recorded": hardware.recorded,
        "system": hardware.system,
        "architecture": hardware.architecture,
        "glibc": pair_text(hardware.glibc),
        "musl": pair_text(hardware.musl),
        "macos": pair_text(hardware.macos),
        "glibcxx": hardware.glibcxx,
        "cpu": hardware.cpu,
        "driver": hardware.driver,
        "cuda": hardware.cuda,
        "cuda-source": hardware.cuda_source,
        "rocm": hardware.rocm,
    }
    document: dict[str, Any] = {key: text for key, text in texts.items() if text}
    document |= {key: True for key, told in (("wsl", hardware.is_wsl), ("container", hardware.has_container)) if told}
    if hardware.gpus or hardware.has_no_gpu:
        document["gpus"] = [_gpu_document(gpu) for gpu in hardware.gpus]
    if hardware.sonames is not None:
        document["sonames"] = list(hardware.sonames)
    return document


def _gpu_document(gpu: Gpu) -> dict[str, Any]:
    found: dict[str, Any] = {"name": gpu.name, "vendor": gpu.vendor}
    found |= {"compute": pair_text(gpu.compute)} if gpu.compute is not None else {}
    found |= {"gfx": gpu.gfx} if gpu.gfx else {}
    found |= {"memory": gpu.memory} if gpu.memory is not None else {}
    return found


def fingerprint(hardware: Hardware) -> str:
    """A digest of all facts but the day they were read: what makes one machine another. The same everywhere."""
    facts = {key: value for key, value in to_document(hardware).items() if key != "recorded"}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def from_document(document: Mapping[str, Any], where: str) -> Hardware:
    """The Hardware of plain values. ``where`` is the file that messages name. Raises InputError with all mistakes."""
    mistakes = Mistakes(where)
    for key in document:
        if key not in _KEYS:
            mistakes.add(key, f"unknown key; known are {', '.join(sorted(_KEYS))}")
    texts = {key: _plain(mistakes, document.get(key), key) for key in _TEXTS}
    for key, known in (("system", SYSTEMS), ("architecture", None)):
        if texts[key] is None and key not in document:
            mistakes.add(key, "is missing; `provenv machine record` writes it")
        elif known is not None:
            mistakes.one_of(texts[key], known, key)
    for key in ("driver", "cuda", "glibcxx"):
        if (text := texts[key]) is not None and not _VERSION.fullmatch(text):
            mistakes.add(key, f"{text!r} is not a version such as '12.4'")
    pairs = {key: _pair(mistakes, texts[key], key) for key in ("glibc", "musl", "macos")}
    mistakes.one_of(texts["cpu"], CPU_LEVELS, "cpu")
    gpus = document.get("gpus")
    found = tuple(_gpus(mistakes, gpus))
    sonames = document.get("sonames")
    names = None if sonames is None else tuple(sorted(set(mistakes.strings(sonames, "sonames"))))
    if names is not None and len(names) > _MOST_SONAMES:
        mistakes.add("sonames", f"more than {_MOST_SONAMES} names")
    is_wsl, is_container = (
        mistakes.truth(document.get("wsl"), "wsl"),
        mistakes.truth(document.get("container"), "container"),
    )
    mistakes.check()
    return Hardware(
        system=texts["system"] or "",
        architecture=texts["architecture"] or "",
        driver=texts["driver"],
        cuda=texts["cuda"],
        cuda_source=texts["cuda-source"] or "",
        has_no_gpu=gpus == [],
        gpus=found,
        glibc=pairs["glibc"],
        musl=pairs["musl"],
        macos=pairs["macos"],
        glibcxx=texts["glibcxx"],
        sonames=names,
        cpu=texts["cpu"],
        rocm=texts["rocm"],
        is_wsl=bool(is_wsl),
        has_container=bool(is_container),
        recorded=texts["recorded"] or "",
    )


def _gpus(mistakes: Mistakes, value: Any) -> list[Gpu]:
    found = []
    for number, item in enumerate(mistakes.items(value, "gpus", "tables")[: _MOST_GPUS + 1]):
        where = f"gpus[{number}]"
        if number == _MOST_GPUS:
            mistakes.add("gpus", f"more than {_MOST_GPUS} GPUs")
            break
        if not isinstance(item, dict):
            mistakes.add(where, f"a table is expected here, not {item!r}")
            continue
        mistakes.only(item, _GPU_KEYS, where)
        compute = _plain(mistakes, item.get("compute"), f"{where}.compute")
        if compute is not None and capability_of(compute) is None:
            mistakes.add(f"{where}.compute", f'{compute!r} is no compute capability such as "9.0"')
        memory = item.get("memory")
        if memory is not None and (not isinstance(memory, int) or isinstance(memory, bool) or memory < 0):
            mistakes.add(f"{where}.memory", f"a number of bytes is expected here, not {memory!r}")
            memory = None
        name = _plain(mistakes, item.get("name"), f"{where}.name")
        if name is None and "name" not in item:
            mistakes.add(f"{where}.name", "is missing")
        found.append(
            Gpu(
                name=name or "",
                vendor=mistakes.one_of(item.get("vendor"), VENDORS, f"{where}.vendor") or "nvidia",
                compute=None if compute is None else capability_of(compute),
                gfx=_plain(mistakes, item.get("gfx"), f"{where}.gfx") or "",
                memory=memory,
            )
        )
    return found


def _plain(mistakes: Mistakes, value: Any, where: str) -> str | None:
    """One line of text: these are shown at terminals."""
    text = mistakes.text(value, where)
    if text is not None and not (text.isprintable() and len(text) <= 200):
        mistakes.add(where, "one short line of text is expected here")
        return None
    return text


def _pair(mistakes: Mistakes, text: str | None, where: str) -> tuple[int, int] | None:
    if text is None:
        return None
    if match := _PAIR.fullmatch(text):
        return int(match[1]), int(match[2])
    mistakes.add(where, f"{text!r} is not a version such as '2.31'")
    return None


def from_toml(data: bytes, where: str) -> Hardware:
    """The Hardware of a recorded file. Raises InputError."""
    import tomllib

    try:
        document = tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise InputError(where, "is not UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        hint = "`provenv machine record --output FILE` writes such a file"
        raise InputError(where, f"is not valid TOML: {error}", hint=hint) from error
    return from_document(document, where)


def to_toml(hardware: Hardware) -> str:
    """The file that ``provenv machine record`` writes: the same facts, the same bytes."""
    day = f" on {hardware.recorded}" if hardware.recorded else ""
    lines = [f"# The facts of a machine, recorded{day} by `provenv machine record`.",
             '# A target that is this machine: [tool.provenv.targets.NAME] machine = "this file".']  # fmt: skip
    document = to_document(hardware)
    gpus, sonames = document.pop("gpus", None), document.pop("sonames", None)
    lines += [f"{key} = {_value(value)}" for key, value in document.items()]
    if gpus == []:
        lines.append("gpus = []  # there is none")
    if sonames is not None:
        lines += ["sonames = [", *_wrapped(sonames), "]"]
    for gpu in gpus or ():
        lines += ["", "[[gpus]]", *(f"{key} = {_value(value)}" for key, value in gpu.items())]
    return "\n".join(lines) + "\n"


def _value(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _quoted(value)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in escaped) + '"'


def _wrapped(texts: Sequence[str]) -> list[str]:
    """Many names in few lines."""
    lines, line = [], "   "
    for text in texts:
        word = f" {_quoted(text)},"
        if len(line) + len(word) > 118 and line.strip():
            lines.append(line)
            line = "   "
        line += word
    return [*lines, line] if line.strip() else lines
