"""The little script of a report page. Everything is readable without it; it filters, remembers and saves ways."""

from __future__ import annotations

__all__ = ["SCRIPT"]

SCRIPT = """
"use strict";
(() => {
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);

  // The chosen colours are remembered where the browser allows it.
  const themes = all("input[name=theme]");
  try {
    const kept = localStorage.getItem("provenv-theme");
    const input = themes.find((theme) => theme.value === kept);
    if (input) input.checked = true;
  } catch {}
  for (const theme of themes) theme.addEventListener("change", () => {
    try { localStorage.setItem("provenv-theme", theme.value); } catch {}
  });

  // Text filter: in names and in the evidence of a package.
  const rows = all("#table tbody tr");
  const search = one("search");
  const count = one("count");
  const words = new Map();
  const wordsOf = (row) => {
    let text = words.get(row);
    if (text === undefined) {
      const evidence = one("p" + row.id.slice(1));
      text = (row.textContent + " " + (evidence ? evidence.textContent : "")).toLowerCase();
      words.set(row, text);
    }
    return text;
  };
  const filter = () => {
    const wanted = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
    const levels = new Set(all("input[name=level]:checked").map((box) => box.value));
    let shown = 0;
    for (const row of rows) {
      const matches = wanted.every((word) => wordsOf(row).includes(word));
      row.hidden = !matches;
      if (matches && levels.has(row.className)) shown += 1;
    }
    count.textContent = shown + " of " + rows.length + " rows";
  };
  if (search) {
    let waiting = 0;
    search.closest("[hidden]").hidden = false;
    search.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(filter, 120);
    });
    for (const box of all("input[name=level]")) box.addEventListener("change", filter);
    filter();
  }

  // Escape closes the evidence and returns to where it was opened from; arrows walk through the cells.
  let opener = null;
  const isOpen = () => Boolean(document.querySelector(".evidence:target, .evidence :target"));
  const close = () => {
    const top = scrollY;
    const scroller = document.querySelector("#table .scroll");
    const inner = scroller ? scroller.scrollTop : 0;
    location.hash = "#_";
    scrollTo(scrollX, top);
    if (scroller) scroller.scrollTop = inner;
    if (opener) {
      opener.focus({ preventScroll: true });
      opener.scrollIntoView({ block: "nearest" });
    }
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link) return;
    if (link.classList.contains("close")) {
      event.preventDefault();
      close();
    } else if (!link.closest(".evidence")) {
      opener = link;
    }
  });
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isOpen()) { close(); return; }
    const way = step[event.key];
    const cell = way && event.target.closest("#table tbody td, #table tbody th");
    if (!cell) return;
    const places = rows.filter((row) => row.offsetParent !== null);
    let down = places.indexOf(cell.parentElement);
    let across = cell.cellIndex;
    for (;;) {
      down += way[0];
      across += way[1];
      const next = places[down] && places[down].cells[across];
      if (!next) return;
      const link = next.querySelector("a");
      if (link) { event.preventDefault(); link.focus(); return; }
    }
  });

  // In opened evidence a number of a rule becomes the rule itself: nobody has to go and come back.
  const tell = () => {
    for (const link of all(".evidence:is(:target, :has(:target)) a[href^='#rule-']")) {
      const rule = one(link.hash.slice(1));
      if (rule) link.replaceWith(rule.textContent);
    }
  };
  for (const kind of ["hashchange", "load"]) addEventListener(kind, tell);

  // Neighbours in the graph light up.
  for (const graph of all(".graph svg")) {
    const nodes = new Map(all("a", graph).map((node) => [node.dataset.node, node]));
    const paths = all("path", graph);
    const light = (node) => {
      const name = node && node.dataset.node;
      graph.classList.toggle("lit", Boolean(node));
      for (const other of nodes.values()) other.classList.toggle("lit", other === node);
      for (const path of paths) {
        const isNear = Boolean(node) && (path.dataset.from === name || path.dataset.to === name);
        path.classList.toggle("lit", isNear);
        if (isNear) for (const end of [path.dataset.from, path.dataset.to]) nodes.get(end)?.classList.add("lit");
      }
    };
    const enter = (event) => light(event.target.closest("a"));
    for (const kind of ["mouseover", "focusin"]) graph.addEventListener(kind, enter);
    for (const kind of ["mouseleave", "focusout"]) graph.addEventListener(kind, () => light(null));
  }
})();
""".strip()
