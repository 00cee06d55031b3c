"""The look of a report page: light and dark colours, screen, narrow screen and paper."""

from __future__ import annotations

__all__ = ["DARK", "LIGHT", "STYLE"]

LIGHT = {
    "page": "#ffffff",
    "raised": "#f6f7f9",
    "ink": "#1b1f24",
    "soft": "#57606a",
    "line": "#d5dae0",
    "link": "#0a58ca",
    "focus": "#0a58ca",
    "fails": "#b42318",
    "fails-ink": "#ffffff",
    "pale": "#fbdad6",
    "pale-ink": "#7a1610",
    "unknown": "#e4defa",
    "unknown-ink": "#41307d",
    "warns": "#ffe9a8",
    "warns-ink": "#5a3d00",
    "holds": "#d7f0de",
    "holds-ink": "#14532d",
    "absent": "#ffffff",
    "absent-ink": "#69727d",
}
"""Every ``name`` is a ground for the text colour ``name-ink``; page and raised carry ink, soft and link."""
DARK = {
    "page": "#14171c",
    "raised": "#1d2228",
    "ink": "#e6e9ed",
    "soft": "#a3acb8",
    "line": "#3a424c",
    "link": "#8ab8ff",
    "focus": "#8ab8ff",
    "fails": "#c93a2c",
    "fails-ink": "#ffffff",
    "pale": "#5a1d17",
    "pale-ink": "#ffd0ca",
    "unknown": "#3b3170",
    "unknown-ink": "#ddd6ff",
    "warns": "#4d3900",
    "warns-ink": "#ffdf8a",
    "holds": "#173d2a",
    "holds-ink": "#abe8bf",
    "absent": "#14171c",
    "absent-ink": "#939ca8",
}


def _variables(colours: dict[str, str], scheme: str) -> str:
    return f"color-scheme:{scheme};" + "".join(f"--{name}:{value};" for name, value in colours.items())


_THEMES = f"""
:root{{{_variables(LIGHT, "light")}}}
@media screen and (prefers-color-scheme:dark){{:root{{{_variables(DARK, "dark")}}}}}
@media screen{{
:root:has(#theme-light:checked){{{_variables(LIGHT, "light")}}}
:root:has(#theme-dark:checked){{{_variables(DARK, "dark")}}}
}}
"""

_LEVELS = "".join(
    f".{level}{{--ground:var(--{level});--on:var(--{level}-ink)}}"
    for level in ("fails", "unknown", "warns", "holds", "absent")
)

_HIDDEN_ROWS = "".join(
    f"body:has(#level-{level}:not(:checked)) tr.{level}{{display:none}}"
    for level in ("fails", "unknown", "warns", "holds")
)

_BODY = """
*{box-sizing:border-box}
[hidden]{display:none!important}
html{scroll-behavior:auto;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main,header,footer{max-width:1200px;margin:0 auto;padding:0 24px}
header{padding-top:20px}
h1{font-size:24px;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:18px;margin:36px 0 8px}
h3{font-size:16px;margin:0;overflow-wrap:anywhere}
h4{font-size:14px;margin:0 0 8px;overflow-wrap:anywhere}
p{margin:0 0 12px;max-width:75ch}
a{color:var(--link)}
a:focus-visible,button:focus-visible,input:focus-visible,summary:focus-visible,[tabindex]:focus-visible
{outline:3px solid var(--focus);outline-offset:2px;border-radius:3px}
.soft,caption,figcaption{color:var(--soft)}
code{font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere;unicode-bidi:isolate}
bdi{overflow-wrap:anywhere}
.skip{position:absolute;left:-999px;background:var(--page);padding:8px 12px;z-index:9}
.skip:focus{left:8px;top:8px}
.top{display:flex;gap:12px 24px;flex-wrap:wrap;justify-content:space-between;align-items:flex-start}
.top>div{flex:1 1 320px;min-width:0}
fieldset{border:0;margin:0;padding:0;display:flex;gap:4px 14px;flex-wrap:wrap;align-items:center}
legend{float:left;margin-right:10px;padding:0;color:var(--soft)}
label{display:inline-flex;gap:6px;align-items:center;min-height:28px;cursor:pointer}
input[type=search]{font:inherit;color:inherit;background:var(--page);border:1px solid var(--soft);border-radius:6px;
padding:4px 10px;width:min(22em,100%)}
.tools{display:flex;gap:8px 28px;flex-wrap:wrap;align-items:center;margin:0 0 10px}
.mark{display:inline-flex;align-items:center;justify-content:center;min-width:24px;height:24px;padding:0 6px;
border-radius:5px;font-weight:700;font-size:13px;background:var(--ground);color:var(--on);flex:none}
.absent.mark,.quiet.mark{background:none;font-weight:400}
.quiet.mark{color:var(--soft)}
.mark i,th i{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.mark{position:relative}
.legend{list-style:none;padding:0;margin:0 0 10px;display:flex;flex-wrap:wrap;gap:6px 20px;font-size:13px}
.legend li{display:inline-flex;gap:6px;align-items:center}
h2.paper{display:none}
.machines{display:grid;grid-template-columns:repeat(auto-fill,minmax(210px,1fr));gap:12px;list-style:none;padding:0;margin:0}
.machines>li{border:1px solid var(--line);border-radius:8px;padding:12px 14px;background:var(--raised)}
.machines h3{display:flex;gap:8px;align-items:center;margin-bottom:6px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 12px;margin:0}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere;min-width:0}
.first{list-style:none;padding:0;margin:0;display:grid;gap:8px}
.first>li{display:flex;gap:10px;align-items:baseline}
.first .mark{align-self:flex-start}
.scroll{overflow:auto;border:1px solid var(--line);border-radius:8px}
.scroll.long{max-height:85vh}
table{border-collapse:separate;border-spacing:0;width:100%}
caption{text-align:left;padding:8px 12px;caption-side:bottom;font-size:13px}
th,td{padding:5px 10px;border-bottom:1px solid var(--line);text-align:left;vertical-align:middle}
tbody tr:last-child>*{border-bottom:0}
thead th{position:sticky;top:0;background:var(--raised);z-index:2;vertical-align:bottom;min-width:84px}
tbody th{position:sticky;left:0;background:var(--page);z-index:1;font-weight:600;min-width:150px;max-width:320px}
thead th:first-child{left:0;z-index:3}
thead th bdi{display:block;max-width:14em}
th small,td small{display:block;font-weight:400;color:var(--soft);font-size:12px;overflow-wrap:break-word}
tbody tr:hover>*{background:var(--raised)}
tr:target>*{background:var(--raised);box-shadow:inset 0 2px var(--focus),inset 0 -2px var(--focus)}
td a.mark{text-decoration:none;min-width:36px;height:28px}
td a.mark:hover{box-shadow:0 0 0 2px var(--focus)}
figure{margin:0}
figcaption{font-size:13px;margin-top:6px}
svg{display:block}
svg text{font:12px system-ui,sans-serif;fill:var(--on,var(--ink))}
svg rect{fill:var(--ground,var(--raised));stroke:var(--line)}
svg .fails{--ground:var(--pale);--on:var(--pale-ink)}
svg .fails rect{stroke:var(--fails);stroke-width:2}
svg path{fill:none;stroke:var(--soft);stroke-opacity:.45;stroke-width:1.2}
svg path.lit{stroke:var(--focus);stroke-opacity:1;stroke-width:2.2}
svg a:hover rect,svg a:focus-visible rect{stroke:var(--focus);stroke-width:3}
svg a:focus{outline:none}
svg.lit a:not(.lit){opacity:.35}
.plain rect{fill:var(--page)}
svg .plain text{fill:var(--ink)}
.map svg{width:100%;height:auto}
.map rect{stroke:var(--page);stroke-width:2}
.map .narrow{display:none}
.map .quiet rect{fill:var(--raised)}
.map .quiet text{fill:var(--ink)}
.map text.size{fill-opacity:.85;font-size:11px}
footer{padding-top:24px;padding-bottom:40px;font-size:13px}
.rules{padding-left:28px;font-size:13px}
.rules li{overflow-wrap:anywhere}
.evidence{display:none}
.evidence:target,.evidence:has(:target){display:block;position:fixed;z-index:5;right:0;top:0;bottom:0;width:min(480px,100vw);
overflow:auto;background:var(--page);border-left:1px solid var(--line);box-shadow:-8px 0 24px #0003;padding:0 20px 32px}
.evidence>div{position:sticky;top:0;background:var(--page);display:flex;gap:10px;justify-content:space-between;
align-items:center;padding:14px 0 10px;border-bottom:1px solid var(--line);margin-bottom:10px;z-index:1}
.evidence:focus,.evidence section:focus{outline:none}
section+.close{margin-top:16px;padding:0 14px}
.close{display:inline-flex;min-width:44px;height:36px;align-items:center;justify-content:center;text-decoration:none;
border:1px solid var(--line);border-radius:6px;flex:none}
.evidence section{padding:12px 0;border-bottom:1px solid var(--line);scroll-margin-top:64px}
.evidence section:target h4{text-decoration:underline;text-decoration-thickness:3px;
text-decoration-color:var(--focus);text-underline-offset:5px}
.evidence ul{list-style:none;padding:0;margin:0;display:grid;gap:14px}
.evidence li>b{display:flex;gap:8px;align-items:center;margin-bottom:4px}
.evidence dl{font-size:14px}
h5{display:flex;gap:8px;align-items:center;font-size:14px;margin:14px 0 6px}
h5+ul{gap:4px!important;font-size:13px}
h4+h5{margin-top:0}
.evidence .needs{margin:0 0 6px}
@media screen and (min-width:1100px){
body:has(.evidence:target,.evidence :target)>:is(header,main,footer){padding-right:504px;max-width:1680px;margin:0}
}
@supports not selector(:has(*)){.evidence{display:block;max-width:1200px;margin:0 auto;padding:16px 24px}}
@media (max-width:640px){
main,header,footer{padding-left:14px;padding-right:14px}
th,td{padding:5px 6px}
tbody th{min-width:128px;max-width:150px;overflow-wrap:anywhere}
thead th{min-width:48px}
tbody th{font-size:14px}
td small{display:none}
td{padding:5px 4px}
td a.mark{min-width:34px}
thead th:not(:first-child) bdi{writing-mode:vertical-rl;transform:rotate(180deg);max-height:11em;display:inline-block}
.evidence:target,.evidence:has(:target){top:auto;height:72vh;width:100vw;border-left:0;
border-top:2px solid var(--line);padding:0 14px 24px}
.map .wide{display:none}
.map .narrow{display:block}
.machines{grid-template-columns:1fr}
}
@media print{
.tools,.skip,.close,.themes,caption,.evidence.none{display:none!important}
body{font-size:11px}
h2.paper{display:block}
main,header,footer{max-width:none;padding:0}
.evidence,.evidence:target,.evidence:has(:target){display:block;position:static;width:auto;height:auto;
box-shadow:none;border:0;padding:8px 0;overflow:visible}
.evidence>div,thead th,tbody th{position:static}
.evidence li,tr,.machines>li{break-inside:avoid}
.scroll,.scroll.long{overflow:visible;max-height:none;border:0}
.graph svg{width:100%;height:auto}
.mark,svg *{print-color-adjust:exact;-webkit-print-color-adjust:exact}
a{color:inherit;text-decoration:none}
}
@media (prefers-contrast:more){.mark{outline:1px solid currentColor}}
"""

STYLE = (_THEMES + _LEVELS + _BODY + _HIDDEN_ROWS).strip()
