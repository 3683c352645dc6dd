/** The style of the report: one sheet, no font and no image from elsewhere, light and dark, narrow and wide, screen and paper. */
export const style = `
:root {
  color-scheme: light dark;
  --paper: #f7f7f5; --card: #ffffff; --ink: #1c2321; --soft: #5b6662; --line: #dfe3e0; --code: #f1f3f1;
  --good: #0b7a55; --good-soft: #e2f3ec; --bad: #b3261e; --bad-soft: #fbe9e7; --bar: #2f6f8f; --cipher: #6b4fa0; --cipher-soft: #efeaf8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #121615; --card: #1a201e; --ink: #e6ebe8; --soft: #9eaaa5; --line: #2e3734; --code: #151a18;
    --good: #4fd1a1; --good-soft: #12342a; --bad: #ff8a80; --bad-soft: #3b1815; --bar: #6db4d6; --cipher: #b9a2ea; --cipher-soft: #2a2240;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 3rem 1.5rem 4rem; }
h1 { font-size: clamp(1.9rem, 5vw, 2.9rem); line-height: 1.12; letter-spacing: -.02em; margin: .3rem 0 .8rem; }
h2 { font-size: 1.3rem; letter-spacing: -.01em; margin: 3.5rem 0 .4rem; }
h3 { font-size: .82rem; font-weight: 600; color: var(--soft); margin: 0 0 .5rem; }
p { margin: .4rem 0 1rem; max-width: 46rem; }
.sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.soft { color: var(--soft); }
.brand { display: flex; align-items: center; gap: .6rem; font-weight: 650; }
.brand svg { width: 1.7rem; height: 1.7rem; color: var(--good); }
.lead { font-size: 1.1rem; color: var(--soft); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 1px; background: var(--line); border: 1px solid var(--line); border-radius: .7rem; overflow: hidden; margin: 1.6rem 0 0; }
.facts div { background: var(--card); padding: .8rem 1rem; }
.facts dt { color: var(--soft); font-size: .82rem; }
.facts dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; }
.flow { list-style: none; margin: 1rem 0 0; padding: 0; display: grid; grid-template-columns: repeat(6, 1fr); gap: 1.4rem; }
.flow li { position: relative; padding: 1rem .9rem; background: var(--card); border: 1px solid var(--line); border-radius: .7rem; }
.flow li + li::before { content: ""; position: absolute; left: -1.15rem; top: 2.05rem; width: .55rem; height: .55rem; border: solid var(--soft); border-width: 2px 2px 0 0; transform: rotate(45deg); }
.flow svg { width: 1.7rem; height: 1.7rem; color: var(--bar); display: block; margin-bottom: .4rem; }
.flow b { display: block; }
.flow span { display: block; color: var(--soft); font-size: .84rem; line-height: 1.4; }
.flow .time { color: var(--ink); font-variant-numeric: tabular-nums; margin-top: .4rem; }
.flow .failed { border-color: var(--bad); } .flow .failed .time { color: var(--bad); } .flow .missed { border-style: dashed; opacity: .7; }
.views { display: grid; grid-template-columns: 1fr auto 1fr; gap: 1rem; align-items: stretch; margin-top: 1rem; }
.view { padding: 1rem 1.1rem; min-width: 0; }
.view pre { font-size: .95rem; line-height: 1.6; }
.view.plain { background: var(--good-soft); border-color: transparent; }
.view.cipher { background: var(--cipher-soft); border-color: transparent; }
.layers { display: flex; flex-direction: column; justify-content: center; text-align: center; font-size: .8rem; color: var(--soft); gap: .15rem; }
.layers b { color: var(--ink); padding: .25rem .7rem; border: 1px solid var(--line); border-radius: .4rem; background: var(--card); font-weight: 600; }
.layers b.crypt { border-color: var(--cipher); color: var(--cipher); }
pre, code { font: .8rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre { margin: 0; overflow-x: auto; }
pre.code { background: var(--code); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; max-height: 27rem; overflow: auto; }
.scroll { overflow-x: auto; position: relative; }
table { width: 100%; border-collapse: collapse; font-size: .92rem; }
th { text-align: left; font-weight: 600; font-size: .82rem; color: var(--soft); }
th, td { padding: .55rem .9rem; border-top: 1px solid var(--line); vertical-align: top; }
thead th { border-top: 0; }
td.num, th.num { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.mark { font-weight: 700; white-space: nowrap; }
.good { color: var(--good); } .bad { color: var(--bad); }
.proofs { list-style: none; padding: 0; margin: 1rem 0 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: .9rem; }
.proofs li { padding: .9rem 1.1rem 1rem 2.9rem; position: relative; }
.proofs svg { position: absolute; left: 1rem; top: 1rem; width: 1.25rem; height: 1.25rem; }
.proofs b { display: block; margin-bottom: .2rem; }
.proofs li > span { font-size: .88rem; color: var(--soft); overflow-wrap: anywhere; }
.timeline td { padding: .4rem .9rem; } .timeline .bar { width: 32%; } .timeline td.mark { padding-right: 0; }
.timeline .detail { color: var(--soft); font-size: .84rem; display: block; }
.track { display: block; height: .65rem; position: relative; background: var(--code); border-radius: .3rem; min-width: 9rem; margin-top: .45rem; }
.track i { position: absolute; top: 0; bottom: 0; background: var(--bar); border-radius: .3rem; min-width: 3px; }
.track i.failed { background: var(--bad); }
.sides { display: grid; grid-template-columns: 1fr 1fr; gap: 1.2rem; margin-top: 1rem; }
.sides > div { min-width: 0; }
details { margin-top: 1rem; } summary { cursor: pointer; font-weight: 600; padding: .7rem 1rem; }
.error { background: var(--bad-soft); color: var(--bad); border-radius: .6rem; padding: .9rem 1.1rem; white-space: pre-wrap; overflow-wrap: anywhere; }
footer { margin-top: 3.5rem; color: var(--soft); font-size: .85rem; border-top: 1px solid var(--line); padding-top: 1rem; }
@media (max-width: 60rem) { .flow { grid-template-columns: repeat(3, 1fr); } .flow li:nth-child(4)::before { display: none; } }
@media (max-width: 46rem) {
  main { padding: 1.8rem 1rem 3rem; }
  .flow { grid-template-columns: 1fr; gap: 1.3rem; } .flow li + li::before, .flow li:nth-child(4)::before { display: block; left: 1.45rem; top: -1.15rem; transform: rotate(135deg); }
  .flow li { display: grid; grid-template-columns: 2.4rem 1fr auto; align-items: center; column-gap: .3rem; padding: .8rem .9rem; } .flow svg { margin: 0; grid-row: span 2; } .flow .time { margin: 0; grid-column: 3; grid-row: 1; }
  .flow .what { grid-column: 2 / 4; }
  .views, .sides { grid-template-columns: 1fr; } .proofs { grid-template-columns: 1fr; }
  .timeline .bar { display: none; } .view pre { font-size: .82rem; } th, td, .timeline td { padding-left: .7rem; padding-right: .7rem; }
}
@media print { body { background: none; } .card, .view { break-inside: avoid; } details { display: none; } }
`;
