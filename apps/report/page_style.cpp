#include "apps/report/page_assets.h"

namespace sluice::report {

const std::string_view page_style = R"css(
:root {
  --paper: #f7f6f2; --card: #ffffff; --ink: #1b2129; --faint: #626b78; --line: #e2dfd7;
  --kept: #d97f00; --merged: #1b8fb5; --dropped: #c4c8ce; --fault: #c93c3c; --good: #23794d;
  --unkept: #98a1ab; --good-paper: #e5f3ea; --fault-paper: #fbe9e7; --axis: 3.4rem;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0f1318; --card: #171c23; --ink: #e7eaef; --faint: #98a3b1; --line: #29303a;
    --kept: #f5a524; --merged: #3aa9cf; --dropped: #434c58; --fault: #ef6b64; --good: #6fd09c;
    --unkept: #59636f; --good-paper: #14291f; --fault-paper: #331b1b;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 70rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 Inter, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  font-variant-numeric: tabular-nums;
}
h1 { margin: .2rem 0 .3rem; font-size: 1.9rem; line-height: 1.2; letter-spacing: -.02em;
  font-weight: 650; overflow-wrap: anywhere; }
h2 { margin: 3.2rem 0 .3rem; font-size: 1.25rem; letter-spacing: -.01em; font-weight: 650; }
h2 + p, .lead { margin: 0 0 1.1rem; color: var(--faint); max-width: 46rem; }
p { margin: .5rem 0; }
a { color: inherit; text-decoration-color: var(--faint); text-underline-offset: .2em; }
code, pre { font: .87em/1.55 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre { margin: .8rem 0; padding: 1rem 1.2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; overflow-x: auto; }
.eyebrow { color: var(--faint); font-size: .8rem; letter-spacing: .08em; text-transform: uppercase; }
.path { margin: 0 0 .2rem; color: var(--faint); font-size: .88rem; overflow-wrap: anywhere; }
.facts { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; color: var(--faint); }
.note { color: var(--faint); font-weight: 400; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; }

.tiles { display: grid; grid-template-columns: repeat(3, 1fr); gap: .9rem; margin: 1.6rem 0 .9rem; }
.tiles.four { grid-template-columns: repeat(4, 1fr); }
.tile { padding: 1rem 1.2rem 1.1rem; }
.tile b { display: block; font-size: 2rem; line-height: 1.15; font-weight: 650; letter-spacing: -.02em; }
.tile .of { height: 5px; margin-top: .75rem; border-radius: 3px; background: var(--line); overflow: hidden; }
.tile .of i { display: block; height: 100%; min-width: 2px; background: var(--ink); }
.tile.is-kept b { color: var(--kept); }
.tile.is-kept .of i { background: var(--kept); }
.badge { display: flex; gap: .7rem; align-items: baseline; padding: .65rem 1.1rem; border-radius: 10px;
  background: var(--good-paper); color: var(--good); }
.badge + .badge { margin-top: .5rem; }
.badge.bad { background: var(--fault-paper); color: var(--fault); }
.badge b { font-weight: 650; white-space: nowrap; }
.badge span { color: var(--ink); }

.film { display: flex; gap: .6rem; margin-top: 1.1rem; }
.film a { flex: 1 1 0; min-width: 0; text-decoration: none; font-size: .82rem; }
.film img { display: block; width: 100%; height: auto; border-radius: 8px; margin-bottom: .25rem; }

.split { display: flex; height: 3.2rem; margin: 1.1rem 0 .8rem; border-radius: 10px; overflow: hidden; gap: 2px; }
.split i, .mini i { display: block; }
i.kept, i.dynamic { background: var(--kept); } i.merged, i.static { background: var(--merged); }
i.dropped { background: var(--dropped); } i.fault { background: var(--fault); }
i.sim-high { background: linear-gradient(90deg, #9cd3e6, #0f5e7d); width: 2em; } i.sim-low { background: linear-gradient(90deg, #fbdfb0, #d97706); width: 2em; }
i.strip-kept { background: #f59e0b; } i.strip-merged { background: #1b8fb5; } i.strip-dropped { background: #3b4450; } i.strip-fault { background: #d14343; }
i.looked { background: linear-gradient(90deg, #12171e, #c2410c, #fef0c0); width: 2.6em; } i.strip-none { background: #8a939e; }
i.line { height: 0; border-top: 2px dashed var(--ink); border-radius: 0; vertical-align: middle; }
i.ink { background: var(--faint); }
.key { display: grid; grid-template-columns: repeat(3, 1fr); gap: .9rem; }
.key p { margin: 0; }
.key b { font-size: 1.15rem; font-weight: 650; }
.split + .key:has(p:nth-child(4)) { grid-template-columns: repeat(4, 1fr); }
.swatch { display: inline-block; width: .72em; height: .72em; margin-right: .45em; border-radius: 2px; }

.timeline { position: relative; padding: 1.1rem 1.2rem .7rem; }
.panel { margin: 0 0 1.15rem; }
.panel figcaption { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .8rem;
  margin: 0 0 .35rem; padding-left: var(--axis); font-size: .87rem; }
.panel b { font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: 0 .9rem; margin-left: auto; color: var(--faint); font-size: .95em; }
.plot { display: flex; }
.y { position: relative; flex: 0 0 var(--axis); font-size: .74rem; color: var(--faint); }
.y span { position: absolute; right: .55rem; transform: translateY(-50%); white-space: nowrap; }
.area { position: relative; flex: 1 1 0; min-width: 0; }
.area svg, .strip { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
.strip { image-rendering: pixelated; border-radius: 3px; }
svg .grid { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
svg .cut { stroke: var(--ink); stroke-opacity: .16; stroke-width: 1; vector-effect: non-scaling-stroke; }
svg .cut-strip { stroke: #fff; stroke-opacity: .75; stroke-width: 1; vector-effect: non-scaling-stroke; }
svg .forced { stroke: var(--fault); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
svg .threshold { stroke: var(--ink); stroke-width: 1.5; stroke-dasharray: 4 3; vector-effect: non-scaling-stroke; }
svg .kept, svg .dynamic { fill: var(--kept); } svg .merged, svg .static { fill: var(--merged); }
svg .fault { fill: var(--fault); }
svg .dropped { fill: var(--dropped); }
svg .redundant { fill: var(--merged); fill-opacity: .85; }
.x { position: relative; height: 1.3rem; margin-left: var(--axis); font-size: .74rem; color: var(--faint); }
.x span { position: absolute; transform: translateX(-50%); white-space: nowrap; }
.cursor { position: absolute; top: .6rem; bottom: 2rem; width: 1px; background: var(--ink);
  pointer-events: none; display: none; }
.readout { position: fixed; left: 50%; bottom: .8rem; transform: translateX(-50%); display: none;
  width: max-content; max-width: calc(100% - 1rem); padding: .4rem .8rem; pointer-events: none; align-items: center; gap: .2rem 1rem; flex-wrap: wrap;
  font-size: .84rem; background: var(--ink); color: var(--paper); border-radius: 8px; z-index: 2; }
.readout img { height: 4.2rem; border-radius: 4px; }
.live .cursor { display: block; } .live .readout { display: flex; }
.live .area { cursor: crosshair; }

.maps { display: grid; grid-template-columns: 1fr 1fr; gap: 1.2rem 1.6rem; padding: 1.1rem 1.2rem 1rem;
  align-items: start; }
.map { margin: 0; width: 100%; }
.map figcaption { margin: 0 0 .5rem; font-size: .87rem; }
.map figcaption b { font-weight: 600; }
.map svg { display: block; width: 100%; height: auto; background: var(--paper); border-radius: 8px; }
.map svg .unkept { fill: var(--unkept); } i.unkept { background: var(--unkept); }
.map svg .depth-0 { fill-opacity: .45; } .map svg .depth-1 { fill-opacity: .72; }
.map svg .gone { fill: none; stroke: var(--fault); stroke-width: 1; stroke-opacity: .85; vector-effect: non-scaling-stroke; }
.map svg .camera { fill: none; stroke: var(--ink); stroke-opacity: .7; stroke-width: 1.3; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.map svg .camera-end { fill: var(--ink); }
.map .scale { display: flex; align-items: center; gap: .6rem; margin-top: .5rem; font-size: .78rem; color: var(--faint); }
.map .scale i { height: 5px; border: 1px solid var(--faint); border-top: 0; }
.legend.wide { grid-column: 1 / -1; margin: 0; font-size: .87rem; gap: .1rem 1.1rem; }
.swatch.gone-swatch { border: 1.5px solid var(--fault); } .swatch.camera-swatch { height: 2px; vertical-align: middle; background: var(--ink); }
svg .by-attention { fill: #f59e0b; } svg .by-saliency { fill: #c97b2d; } svg .by-novelty { fill: #c25aa8; }
svg .by-surface { fill: #129e76; } svg .by-visibility { fill: #4aa8e0; } svg .by-coverage { fill: #6d63d6; }
svg .by-refresh { fill: #b5b82e; } svg .by-pinned { fill: #1b8fb5; } svg .by-everything { fill: var(--kept); }
i.by-attention { background: #f59e0b; } i.by-saliency { background: #c97b2d; } i.by-novelty { background: #c25aa8; }
i.by-surface { background: #129e76; } i.by-visibility { background: #4aa8e0; } i.by-coverage { background: #6d63d6; }
svg .by-diversity { fill: #129e76; } i.by-diversity { background: #129e76; }
i.by-refresh { background: #b5b82e; } i.by-pinned { background: #1b8fb5; } i.by-everything { background: var(--kept); }

.segments { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1rem; }
.segment { overflow: hidden; scroll-margin-top: 1rem; }
.segment > .note { display: none; }
.segment img { display: block; width: 100%; height: auto; }
.segment .body { padding: .7rem .95rem .85rem; }
.segment h3 { display: flex; justify-content: space-between; align-items: baseline; margin: 0 0 .1rem;
  font-size: 1rem; font-weight: 650; }
.segment h3 span { font-weight: 400; color: var(--faint); font-size: .85rem; }
.segment dl { display: grid; grid-template-columns: 1fr auto; margin: .45rem 0 0; font-size: .85rem; gap: .1rem .6rem; }
.segment dd { margin: 0; text-align: right; }
.segment dd span { color: var(--faint); }
.segment.forced { border-color: var(--fault); }
.segment:target { outline: 2px solid var(--kept); }
.tag { color: var(--fault); font-size: .8rem; }
.mini { display: flex; height: 5px; gap: 1px; margin-top: .55rem; border-radius: 3px; overflow: hidden; }

.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th { text-align: left; font-weight: 600; font-size: .8rem; color: var(--faint); vertical-align: bottom; }
th, td { padding: .42rem .8rem; border-bottom: 1px solid var(--line); }
tr:last-child td { border-bottom: 0; }
td.n, th.n { text-align: right; white-space: nowrap; }
td.wide { min-width: 9rem; }
td .meter { display: block; height: 7px; border-radius: 4px; background: var(--line); overflow: hidden; min-width: 6rem; }
td .meter i.dropped { background: var(--faint); }
td .meter i { display: block; height: 100%; border-radius: 4px; }
td small { color: var(--faint); font-size: .92em; display: block; }
tr.none td { color: var(--faint); }
details { margin-top: 1rem; } summary { cursor: pointer; color: var(--faint); }
details .card { margin-top: .7rem; max-height: 32rem; overflow: auto; }
details th { position: sticky; top: 0; background: var(--card); }
.settings { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .9rem 1.6rem;
  margin: 0; padding: 1.05rem 1.2rem; }
.settings dt { font-size: .8rem; color: var(--faint); }
.settings dd { margin: 0; overflow-wrap: anywhere; }
.notes { margin: .9rem 0 0; padding-left: 1.2rem; }
footer { margin-top: 3.5rem; padding-top: 1.2rem; border-top: 1px solid var(--line); color: var(--faint); font-size: .9rem; }

.moments { display: grid; gap: .5rem; align-items: start; min-width: 34rem; }
.moments img { display: block; width: 100%; border-radius: 6px; }
.moments .label { font-size: .85rem; line-height: 1.35; } .moments .head { color: var(--faint); font-size: .8rem; }
.multiples { display: grid; grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)); gap: 1rem; }
.multiples .timeline { padding: .9rem 1rem .4rem .4rem; }

.mini.tall { height: 10px; margin: 0; }

@media (max-width: 640px) {
  body { padding: 1.3rem .9rem 3rem; font-size: 14px; }
  h1 { font-size: 1.5rem; }
  :root { --axis: 3.1rem; }
  .tiles, .key { gap: .5rem; } .tiles.four, .split + .key:has(p:nth-child(4)) { grid-template-columns: 1fr 1fr; }
  .tile { padding: .7rem .75rem .8rem; } .tile b { font-size: 1.25rem; }
  .key b { font-size: 1rem; } .key { font-size: .86rem; }
  .timeline { padding: .9rem .7rem .5rem .2rem; }
  .x span:nth-child(even) { display: none; }
  .legend { margin-left: 0; } .film a:nth-child(n + 4) { display: none; }
  .badge { flex-direction: column; gap: .1rem; }
  .segments { grid-template-columns: repeat(auto-fill, minmax(9.6rem, 1fr)); gap: .6rem; }
  .segment .body { padding: .5rem .6rem .65rem; }
  .multiples, .maps { grid-template-columns: 1fr; }
  th, td { padding: .38rem .5rem; }
}
@media print { body { max-width: none; } .segment, .panel { break-inside: avoid; } }
)css";

}  // namespace sluice::report
