/// How a report looks: light or dark as the reader's system is, or as the page's switch says.
enum PageStyle {
    static let css = #"""
        :root {
          color-scheme: light;
          --back: #ffffff; --card: #f6f7f9; --text: #1b1f24; --dim: #57606a; --line: #c9d0d8; --grid: #e3e7eb;
          --accent: #0b5fa5; --accent-text: #ffffff; --warn: #9a3b00; --warn-back: #fff4e5; --bad: #b3152e; --mark: #fff1b8;
          --s0: #0b62a4; --s1: #b3420a; --s2: #1b7a3d; --s3: #8a2aa8; --s4: #a8123e; --s5: #00707a; --s6: #6b5b00; --s7: #555555;
        }
        @media (prefers-color-scheme: dark) {
          :root:not([data-theme="light"]) {
            color-scheme: dark;
            --back: #12151a; --card: #1a1f26; --text: #e6e9ed; --dim: #a3adb8; --line: #3d4650; --grid: #2a313a;
            --accent: #7cbcf5; --accent-text: #0b1117; --warn: #ffb870; --warn-back: #33240f; --bad: #ff8a94; --mark: #4a4210;
            --s0: #6db3f2; --s1: #f2a05c; --s2: #6fcf8e; --s3: #d394f0; --s4: #ff8a9b; --s5: #5fd0d8; --s6: #d6c35a; --s7: #b8b8b8;
          }
        }
        :root[data-theme="dark"] {
          color-scheme: dark;
          --back: #12151a; --card: #1a1f26; --text: #e6e9ed; --dim: #a3adb8; --line: #3d4650; --grid: #2a313a;
          --accent: #7cbcf5; --accent-text: #0b1117; --warn: #ffb870; --warn-back: #33240f; --bad: #ff8a94; --mark: #4a4210;
          --s0: #6db3f2; --s1: #f2a05c; --s2: #6fcf8e; --s3: #d394f0; --s4: #ff8a9b; --s5: #5fd0d8; --s6: #d6c35a; --s7: #b8b8b8;
        }
        * { box-sizing: border-box; }
        html { scroll-padding-top: 4rem; }
        body {
          margin: 0; background: var(--back); color: var(--text); line-height: 1.45;
          font: 15px/1.45 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
        }
        .wrap { max-width: 1280px; margin: 0 auto; padding: 0 1rem 3rem; }
        h1 { font-size: 1.5rem; margin: 1.2rem 0 .2rem; overflow-wrap: anywhere; }
        h2 { font-size: 1.15rem; margin: 0 0 .3rem; }
        p { margin: .3rem 0; }
        .dim { color: var(--dim); overflow-wrap: anywhere; }
        .skip { position: absolute; left: -10000px; }
        .skip:focus { left: .5rem; top: .5rem; background: var(--back); padding: .5rem; z-index: 9; }
        a { color: var(--accent); }
        :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
        button, select, input {
          font: inherit; color: var(--text); background: var(--back); border: 1px solid var(--dim); border-radius: 5px;
          padding: .2rem .6rem; min-height: 2rem;
        }
        button { cursor: pointer; }
        button:hover { border-color: var(--accent); }
        button[aria-pressed="true"] { background: var(--accent); color: var(--accent-text); border-color: var(--accent); }
        .bar {
          position: sticky; top: 0; z-index: 5; background: var(--back); border-bottom: 1px solid var(--line);
          display: flex; flex-wrap: wrap; gap: .4rem; align-items: center; padding: .45rem 0;
        }
        .bar .range { margin-left: auto; font-variant-numeric: tabular-nums; color: var(--dim); }
        nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1rem; padding: 0; margin: .6rem 0; }
        .tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .6rem; margin: .8rem 0; padding: 0; }
        .tile { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .5rem .7rem; }
        .tile dt { color: var(--dim); font-size: .85rem; }
        .tile dd { margin: 0; font-size: 1.25rem; font-weight: 600; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
        .tile dd.source { color: var(--dim); font-size: .8rem; font-weight: 400; }
        .tile.bad { border-left: 5px solid var(--bad); }
        section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .8rem 1rem; margin: 1rem 0; }
        .notice { border: 1px solid var(--warn); border-left-width: 6px; background: var(--warn-back); }
        .notice ul { margin: .3rem 0; padding-left: 1.2rem; overflow-wrap: anywhere; }
        .notice li { white-space: pre-wrap; }
        .tools { display: flex; flex-wrap: wrap; gap: .4rem .8rem; align-items: center; margin: .4rem 0; }
        .chart { position: relative; touch-action: pan-y; cursor: crosshair; user-select: none; }
        .chart svg { display: block; width: 100%; }
        .legend { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem .5rem; margin: .3rem 0; padding: 0; }
        .legend button { display: flex; gap: .45rem; align-items: center; background: none; border-color: var(--line); max-width: 100%; }
        .legend button[aria-pressed="false"] { text-decoration: line-through; color: var(--dim); background: none; }
        .legend button[aria-pressed="true"] { background: none; color: var(--text); border-color: var(--line); }
        .legend .value { font-variant-numeric: tabular-nums; min-width: 4.5em; text-align: right; font-weight: 600; }
        .legend .key { display: flex; gap: .45rem; align-items: center; color: var(--dim); padding: .2rem .3rem; }
        .readout { font-variant-numeric: tabular-nums; min-height: 1.5em; color: var(--dim); }
        text { fill: var(--text); font: 12px system-ui, "DejaVu Sans", sans-serif; }
        text.axis { fill: var(--dim); }
        .gridline { stroke: var(--grid); }
        .base { stroke: var(--line); }
        .cross { stroke: var(--text); stroke-dasharray: 3 3; }
        .select { fill: var(--accent); opacity: .22; }
        .line { fill: none; stroke-width: 1.8; }
        .line.unsure { stroke-width: .8; }
        .s0 { stroke: var(--s0); } .s1 { stroke: var(--s1); } .s2 { stroke: var(--s2); } .s3 { stroke: var(--s3); }
        .s4 { stroke: var(--s4); } .s5 { stroke: var(--s5); } .s6 { stroke: var(--s6); } .s7 { stroke: var(--s7); }
        .d0 { fill: var(--s0); } .d1 { fill: var(--s1); } .d2 { fill: var(--s2); } .d3 { fill: var(--s3); }
        .d4 { fill: var(--s4); } .d5 { fill: var(--s5); } .d6 { fill: var(--s6); } .d7 { fill: var(--s7); }
        .hatch { stroke: var(--bad); stroke-width: 2; }
        .dots, .dots-narrow { fill: var(--s3); }
        .hatch-narrow { fill: var(--bad); opacity: .65; }
        .blank { stroke: var(--dim); stroke-width: 1; }
        .blank-narrow { fill: var(--dim); opacity: .35; }
        .death { fill: var(--bad); stroke: var(--bad); stroke-width: 2; }
        .scroll { overflow: auto; max-height: 27rem; border: 1px solid var(--line); border-radius: 5px; background: var(--back); }
        table { border-collapse: collapse; width: max-content; min-width: 100%; font-size: .9rem; }
        th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--grid); vertical-align: top; }
        td { unicode-bidi: isolate; overflow-wrap: break-word; max-width: 24rem; }
        thead th { position: sticky; top: 0; background: var(--card); z-index: 1; white-space: nowrap; padding: .15rem .3rem; }
        th button { border: 0; background: none; font-weight: 600; padding: .2rem .3rem; }
        th.number, th.id { text-align: right; }
        td.number, td.time, td.id { font-variant-numeric: tabular-nums; white-space: nowrap; }
        td.number, td.id { text-align: right; }
        tbody tr:hover { background: var(--mark); }
        .arrow { display: inline-block; width: 1em; }
        .lives rect.life { fill: var(--s0); }
        .lives rect.life.failed { fill: var(--s1); }
        .lives rect.life.killed { fill: var(--bad); }
        .lives .stripe { fill: var(--grid); opacity: .5; }
        .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
        [hidden] { display: none !important; }
        details { margin: .4rem 0; }
        summary { cursor: pointer; }
        footer { color: var(--dim); font-size: .85rem; margin-top: 2rem; overflow-wrap: anywhere; }
        #plain { overflow-x: auto; }
        @media (max-width: 40rem) {
          td { max-width: 14rem; }
          .wrap { padding: 0 .6rem 2rem; }
          section { padding: .6rem; }
          .bar .range { margin-left: 0; flex-basis: 100%; }
          .tiles { grid-template-columns: repeat(2, 1fr); }
        }
        /* The reader's own few colours: a drawing is not adjusted by itself, and what told states apart by its background must do so
           otherwise. Lines differ by their dashes. */
        @media (forced-colors: active) {
          :root[data-theme] {
            color-scheme: light dark;
            --back: Canvas; --card: Canvas; --text: CanvasText; --dim: CanvasText; --line: CanvasText; --grid: GrayText;
            --accent: Highlight; --accent-text: HighlightText; --warn: CanvasText; --warn-back: Canvas; --bad: CanvasText; --mark: Canvas;
            --s0: CanvasText; --s1: CanvasText; --s2: CanvasText; --s3: CanvasText;
            --s4: CanvasText; --s5: CanvasText; --s6: CanvasText; --s7: CanvasText;
          }
          a { color: LinkText; }
          button[aria-pressed="true"] { forced-color-adjust: none; }
          .legend button[aria-pressed="true"] { forced-color-adjust: auto; }
          .legend button[aria-pressed="false"] { color: GrayText; }
          .select { stroke: Highlight; stroke-width: 2; }
          .gridline { opacity: .5; }
          .blank-narrow { fill: none; stroke: CanvasText; stroke-dasharray: 2 3; opacity: 1; }
          .lives .stripe { fill: none; }
          .lives rect.life.failed { fill: Canvas; stroke: CanvasText; stroke-width: 2; }
          .lives rect.life.killed { fill: Canvas; stroke: CanvasText; stroke-width: 2; stroke-dasharray: 3 2; }
          tbody tr:hover { outline: 2px solid Highlight; outline-offset: -2px; }
        }
        @media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
        @media print { .bar, nav, .tools { display: none; } .scroll { max-height: none; } section { break-inside: avoid; } }
        """#
}
