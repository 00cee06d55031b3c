"""``provenv prove --html``: the page of a proof."""

from __future__ import annotations

import re

from tests.show.test_html import Page
from tests.worlds.binaries import Code, build_elf, container
from tests.worlds.house import House
from tests.worlds.torch_index import TorchIndex

MACHINE = """system = "linux"
architecture = "x86_64"
glibc = "2.35"
driver = "{driver}"
[[gpus]]
name = "{name}"
vendor = "nvidia"
compute = "{compute}"
"""


def machine(house: House, name: str, gpu: str, compute: str, driver: str) -> str:
    path = house.root / name / "node.toml"
    path.parent.mkdir()
    path.write_text(MACHINE.format(driver=driver, name=gpu, compute=compute))
    return str(path)


def test_targets_and_recorded_machines_are_columns(house: House, pytorch: TorchIndex) -> None:
    targets = """[tool.provenv]
rules = ["ours.toml"]
[tool.provenv.targets.train]
platform = "linux-x86_64"
python = "3.12"
gpus = ["A100"]
driver = "535.104.05"
[tool.provenv.targets.laptop]
platform = "macos-arm64"
python = "3.12"
"""
    house.project("torch", more=targets, requires_python=">=3.12")
    house.do("lock")
    new = machine(house, "new", "NVIDIA B200", "10.0", "570.124.06")
    said = house.give("prove", "--html", "report.html", "--target", "train", "--machine", new)
    path = house.directory / "report.html"
    assert f"Wrote {path}" in said.err
    assert said.code == 1, "the page changes nothing of the verdict"
    text = path.read_text("utf-8")
    page = Page(text)
    assert page.faults == []
    assert re.search(r'aria-label="F, fails: torch on \S+, \d+ findings?"', text)
    assert "0 of 3 modules run" in page.text
    assert "NVIDIA B200 (10.0)" in page.text
    assert str(house.directory) not in text, "no path of this computer"
    house.give("prove", "--html", "report.html", "--target", "train", "--machine", new, "--quiet")
    assert path.read_text("utf-8") == text, "the same bytes every time"


def test_who_needs_whom_and_how_large_it_is(house: House) -> None:
    house.wheel("low", "1.0")
    house.wheel("high", "2.0", ("low",))
    house.project("high")
    house.do("sync")
    house.do("prove", "--html", "page.html")
    text = (house.directory / "page.html").read_text("utf-8")
    assert "<dt>Needed by<dd>" in text
    assert text.count("<path ") == 1, "one arrow"
    assert "2 packages, " in text, "the sizes are known"
    assert '<svg class="wide"' in text
    house.do("prove", "--html", "installed.html", "--environment", str(house.environment))
    assert "<dt>Needed by<dd>" in (house.directory / "installed.html").read_text("utf-8")


def test_machines_that_are_called_alike(house: House) -> None:
    library = build_elf(
        soname="libkernels.so", needed=["libcudart.so.12"], sections={".nv_fatbin": container([Code("90")])}
    )
    wheel = house.wheel("kernels", "1.0", files={"kernels/libkernels.so": library}, tags="py3-none-any")
    one = machine(house, "one", "H100", "9.0", "580.65.06")
    other = machine(house, "other", "A100", "8.0", "580.65.06")
    house.give("prove", str(wheel), "--machine", one, "--machine", other, "--html", "page.html")
    text = (house.directory / "page.html").read_text("utf-8")
    assert 'aria-label="F, fails: kernels on node (2), 3 findings"' in text
    assert 'aria-label="F, fails: kernels on node, ' not in text


def test_of_a_system_whose_files_nobody_reads_nothing_holds(house: House) -> None:
    house.wheel("fast", "1.0", tags="py3-none-macosx_11_0_arm64")
    house.wheel("plain", "1.0")
    house.project(
        "fast", "plain", more='[tool.provenv.targets.mac]\nplatform = "macos-arm64"\npython = "3.12"\nmacos = "14.0"\n'
    )
    house.do("lock")
    house.do("prove", "--html", "page.html")
    text = (house.directory / "page.html").read_text("utf-8")
    assert 'aria-label="U, unknown: fast on mac, 1 finding"' in text
    assert "plain on mac" not in text


def test_a_place_that_cannot_be_written(house: House) -> None:
    house.wheel("plain", "1.0")
    house.project("plain")
    house.do("lock")
    assert "cannot be written" in house.refused("prove", "--html", "nowhere/page.html")
