extension PageScript {
    static let charts = #"""
        const dashes = ["", "7 3", "2 3", "10 3 2 3", "4 2", "1 3", "12 4", "6 2 2 2"];
        const steps = [1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 1.5e7, 3e7, 6e7, 1.2e8, 3e8, 6e8, 9e8, 1.8e9,
          3.6e9, 7.2e9, 1.08e10, 2.16e10, 4.32e10, 8.64e10, 1.728e11, 6.048e11, 2.4192e12, 7.8624e12, 3.1449e13];
        const ticks = (from, to, most) => {
          const step = steps.find(s => (to - from) / s <= most) || (to - from) / most;
          const found = [];
          for (let at = Math.ceil(from / step) * step; at <= to; at += step) found.push(at);
          return { step, found };
        };
        const tickText = (us, step) => step >= 8.64e10 ? iso(us).slice(5, 10) : step >= 6e7 ? iso(us).slice(11, 16)
          : step >= 1e6 ? iso(us).slice(11, 19) : iso(us).slice(14, 23);

        // Where events were lost or sampled: by bucket from the ledger's intervals, and its gaps of which nobody knows how many.
        const lossAt = index => data.ledger.lost[index] || 0;
        const sampledAt = index => data.ledger.sampledOut[index] || 0;
        const unknownGaps = data.gaps.items.filter(gap => gap.count === null || gap.count === undefined);
        // Where no event and no interval of the ledger is, nobody knows that there was nothing: that is no zero.
        const isTold = index => !data.ledger.isThere || data.ledger.covered[index];
        const asTold = values => values.map((value, index) => value === 0 && !isTold(index) ? null : value);
        // Of the first and of the last bucket a part may lie outside of what is told of: a rate is per second of the rest, and
        // of less than a twentieth of a bucket there is none, since a few events would make it anything.
        const widthOf = (index, span) => Math.min(time.fromUs + (index + 1) * time.bucketUs, span.toUs)
          - Math.max(time.fromUs + index * time.bucketUs, span.fromUs);
        const isTooShort = (index, span) => widthOf(index, span) * 20 < time.bucketUs;
        const perSecond = (values, span) => values.map((value, index) =>
          value === null || isTooShort(index, span) ? null : value / widthOf(index, span) * 1e6);
        let charts = 0;

        // A percentile of so few that it is as good as the greatest of them.
        const isUnsure = (line, index) => !!line.least && line.values[index] !== null && line.of.samples[index] < line.least;

        // `span`: from when to when the values are rates; none where they are not.
        const chart = ({ name, series, format, logarithmic, span }) => {
          const id = "chart" + charts++;
          const height = 250, top = 18, bottom = 26, left = 62, right = 12;
          let width = 800, cursor = null, anchor = null, hidden = new Set(), isLog = !!logarithmic, lines = series;
          const holder = make("div", {
            class: "chart", tabindex: 0, role: "application", "aria-roledescription": "chart", id,
            "aria-label": name + ". Arrow keys move the cursor, with Shift they select, Enter zooms in, plus and minus zoom, "
              + "Page Up and Page Down move, Escape shows all.",
          });
          const readout = make("div", { class: "readout" }, "Drag to zoom; by keyboard: arrows, Shift and Enter, + and −, Esc.");
          const legend = make("ul", { class: "legend", "aria-label": name + ": lines" });
          const x = us => left + (us - view.from) / (view.to - view.from) * (width - left - right);
          const timeAt = pixel => view.from + (pixel - left) / (width - left - right) * (view.to - view.from);
          const bucketAt = us => Math.min(time.buckets - 1, Math.max(0, Math.floor((us - time.fromUs) / time.bucketUs)));
          const begin = index => time.fromUs + index * time.bucketUs;
          const seen = () => [bucketAt(view.from), bucketAt(view.to - 1)];

          const render = () => {
            const [first, last] = seen();
            let greatest = 0, least = Infinity;
            for (const line of lines) {
              if (hidden.has(line.name)) continue;
              for (let i = first; i <= last; i++) {
                const value = line.values[i];
                if (value === null) continue;
                if (value > greatest) greatest = value;
                if (value > 0 && value < least) least = value;
              }
            }
            if (!greatest) greatest = 1;
            if (!isFinite(least)) least = greatest / 10;
            const low = Math.pow(10, Math.floor(Math.log10(least))), span = Math.max(1, Math.log10(greatest) - Math.log10(low));
            const plot = height - top - bottom;
            const y = value => isLog
              ? top + plot - Math.max(0, Math.log10(Math.max(value, low)) - Math.log10(low)) / span * plot
              : top + plot - value / (greatest * 1.05) * plot;
            const root = draw("svg", { viewBox: `0 0 ${width} ${height}`, height, "aria-hidden": "true" });
            root.append(draw("defs", {},
              draw("pattern", { id: id + "hatch", width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
                draw("line", { x1: 0, y1: 0, x2: 0, y2: 7, class: "hatch" })),
              draw("pattern", { id: id + "blank", width: 9, height: 9, patternUnits: "userSpaceOnUse", patternTransform: "rotate(-45)" },
                draw("line", { x1: 0, y1: 0, x2: 0, y2: 9, class: "blank" })),
              draw("pattern", { id: id + "dots", width: 6, height: 6, patternUnits: "userSpaceOnUse" },
                draw("circle", { cx: 2, cy: 2, r: 1.5, class: "dots" })),
              draw("clipPath", { id: id + "clip" }, draw("rect", { x: left, y: 0, width: Math.max(1, width - left - right), height }))));
            const values = [];
            if (isLog) {
              for (let power = Math.log10(low); power <= Math.log10(greatest) + 1e-9; power++) values.push(Math.pow(10, power));
              while (values.length > 7) values.splice(1, values.length, ...values.slice(1).filter((_, i) => i % 2));
            } else {
              const unit = Math.pow(10, Math.floor(Math.log10(greatest / 4)));
              const step = [1, 2, 5, 10].map(m => m * unit).find(s => greatest / s <= 5);
              for (let value = 0; value <= greatest * 1.05; value += step) values.push(value);
            }
            for (const value of values) root.append(
              draw("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), class: "gridline" }),
              draw("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end", class: "axis" }, format(value)));
            const { step, found } = ticks(view.from, view.to, Math.max(2, Math.floor((width - left) / 95)));
            for (const at of found) root.append(
              draw("line", { x1: x(at), x2: x(at), y1: top, y2: height - bottom, class: "gridline" }),
              draw("text", { x: x(at), y: height - 8, "text-anchor": x(at) > width - 40 ? "end" : "middle", class: "axis" }, tickText(at, step)));

            const inside = draw("g", { "clip-path": `url(#${id}clip)` });
            // What is narrow has no room for a pattern.
            const shade = (from, to, fillId, opacity, y0, size) => inside.append(to - from < 7
              ? draw("rect", { x: from, y: y0, width: Math.max(3, to - from), height: size, class: fillId + "-narrow" })
              : draw("rect", { x: from, y: y0, width: to - from, height: size, fill: `url(#${id}${fillId})`, opacity }));
            const band = (test, fillId, opacity, y0, size) => {
              for (let i = first; i <= last; i++) {
                if (!test(i)) continue;
                let end = i;
                while (end < last && test(end + 1)) end++;
                shade(x(begin(i)), x(begin(end + 1)), fillId, opacity, y0, size);
                i = end;
              }
            };
            band(i => !isTold(i), "blank", 1, top, plot);
            band(i => sampledAt(i) > 0, "dots", .8, height - bottom - 12, 12);
            band(i => lossAt(i) > 0, "hatch", .65, top, plot);
            for (const gap of unknownGaps) shade(x(gap.fromUs), x(gap.toUs), "hatch", .65, top, plot);
            lines.forEach((line, number) => {
              if (hidden.has(line.name)) return;
              // What is unsure is drawn thin, up to it and from it.
              let sure = "", unsure = "", before = null;
              for (let i = Math.max(0, first - 1); i <= Math.min(time.buckets - 1, last + 1); i++) {
                const value = line.values[i];
                if (value === null || (isLog && value === 0)) { before = null; continue; }
                const px = x(begin(i) + time.bucketUs / 2).toFixed(1), py = y(value).toFixed(1), isThin = isUnsure(line, i);
                const isAlone = !before && (i + 1 >= time.buckets || line.values[i + 1] === null || (isLog && !line.values[i + 1]));
                if (isAlone) inside.append(isThin
                  ? draw("circle", { cx: px, cy: py, r: 2.5, class: "unsure line s" + number % 8 })
                  : draw("circle", { cx: px, cy: py, r: 2.5, class: "d" + number % 8 }));
                if (before) {
                  const isPartThin = isThin || before.isThin, isGoingOn = before.isPartThin === isPartThin;
                  const part = (isGoingOn ? "" : "M" + before.px + " " + before.py) + "L" + px + " " + py;
                  if (isPartThin) unsure += part; else sure += part;
                  before = { px, py, isThin, isPartThin };
                } else before = { px, py, isThin };
              }
              for (const [path, more] of [[sure, ""], [unsure, " unsure"]])
                if (path) inside.append(draw("path", { d: path, class: "line s" + number % 8 + more, "stroke-dasharray": dashes[number % 8] }));
            });
            let lastMark = -100;
            for (const death of data.deaths.items) {
              const px = x(death.timeUs);
              if (px < left || px > width - right || px - lastMark < 8) continue;
              lastMark = px;
              inside.append(death.kind === "oom_kill"
                ? draw("path", { d: `M${px - 5} 4h10l-5 9z`, class: "death" })
                : draw("path", { d: `M${px - 4} 4l8 8m0 -8l-8 8`, class: "death", fill: "none" }));
            }
            if (cursor !== null) {
              const px = x(begin(cursor) + time.bucketUs / 2);
              inside.append(draw("line", { x1: px, x2: px, y1: top, y2: height - bottom, class: "cross" }));
              if (anchor !== null && anchor !== cursor) {
                const low = Math.min(anchor, cursor), high = Math.max(anchor, cursor) + 1;
                inside.append(draw("rect", { x: x(begin(low)), y: top, width: x(begin(high)) - x(begin(low)), height: plot, class: "select" }));
              }
            }
            root.append(inside, draw("line", { x1: left, x2: width - right, y1: height - bottom, y2: height - bottom, class: "base" }));
            holder.replaceChildren(root);
            fillLegend();
          };

          const fillLegend = () => {
            const texts = [];
            lines.forEach((line, number) => {
              const item = legend.children[number];
              const value = cursor === null ? "" : line.values[cursor] === null ? "–" : format(line.values[cursor]);
              const isVague = cursor !== null && isUnsure(line, cursor);
              item.querySelector(".value").textContent = value + (isVague ? "*" : "");
              if (cursor !== null && !hidden.has(line.name)) texts.push(line.name + " " + value + (isVague ? " uncertain" : ""));
            });
            if (cursor === null) return "";
            const notes = [];
            // All lines of a chart are of the same events.
            const of = lines.length ? lines[0].of : null;
            if (of && of.counts[cursor] > 0) {
              const isWeighted = Math.abs(of.counts[cursor] - of.samples[cursor]) > .001;
              notes.push(isWeighted ? `n ≈ ${count(of.counts[cursor])} of which ${count(of.samples[cursor])} were kept`
                : `n = ${count(of.samples[cursor])}`);
            }
            const covered = span ? widthOf(cursor, span) : time.bucketUs;
            if (covered > 0 && covered < time.bucketUs) {
              notes.push(duration(covered * 1000) + " of it covered" + (isTooShort(cursor, span) ? ", too short for a rate" : ""));
            }
            if (lossAt(cursor) > 0) notes.push(count(lossAt(cursor)) + (lossAt(cursor) === 1 ? " event lost" : " events lost"));
            if (sampledAt(cursor) > 0) notes.push(count(sampledAt(cursor)) + " sampled out");
            if (!isTold(cursor)) notes.push("no ledger of this time");
            const end = begin(cursor) + time.bucketUs;
            if (unknownGaps.some(gap => gap.fromUs < end && gap.toUs >= begin(cursor))) notes.push("an unknown number of events lost");
            const when = stamp(begin(cursor)) + " UTC, " + duration(time.bucketUs * 1000);
            const mark = lines.some(line => isUnsure(line, cursor)) ? ["* of too few"] : [];
            readout.textContent = [when, ...notes, ...mark].join(" · ");
            return when + ": " + texts.concat(notes).join(", ");
          };

          const buildLegend = () => {
            legend.replaceChildren(...lines.map((line, number) => make("li", {}, make("button", {
              type: "button", "aria-pressed": String(!hidden.has(line.name)),
              onclick: event => {
                if (!hidden.delete(line.name)) hidden.add(line.name);
                event.currentTarget.setAttribute("aria-pressed", String(!hidden.has(line.name)));
                render();
              },
            },
              draw("svg", { width: 30, height: 10, "aria-hidden": "true" }, draw("line",
                { x1: 0, x2: 30, y1: 5, y2: 5, class: "line s" + number % 8, "stroke-dasharray": dashes[number % 8] })),
              make("bdi", {}, line.name), make("span", { class: "value" })))));
            const key = (text, ...shape) => legend.append(make("li", { class: "key" },
              draw("svg", { width: 18, height: 14, "aria-hidden": "true" }, ...shape), text));
            const square = fillId => draw("rect", { width: 18, height: 14, fill: `url(#${id}${fillId})` });
            if (lines.some(line => line.values.some((_, i) => isUnsure(line, i))))
              key("* thin: of too few", draw("line", { x1: 0, x2: 18, y1: 7, y2: 7, class: "line unsure s7" }));
            if (data.ledger.lost.some(n => n > 0) || unknownGaps.length) key("events lost here", square("hatch"));
            if (data.ledger.isThere && data.ledger.covered.includes(false)) key("no ledger of this time", square("blank"));
            if (data.ledger.sampledOut.some(n => n > 0)) key("sampled here", square("dots"));
            if (data.deaths.items.some(d => d.kind === "oom_kill")) key("OOM kill", draw("path", { d: "M4 3h10l-5 9z", class: "death" }));
            if (data.deaths.items.some(d => d.kind !== "oom_kill"))
              key("killed by a signal", draw("path", { d: "M5 3l8 8m0 -8l-8 8", class: "death", fill: "none" }));
          };

          const point = event => bucketAt(timeAt((event.clientX - holder.getBoundingClientRect().left) / holder.clientWidth * width));
          const zoomToSelection = () => {
            const low = Math.min(anchor, cursor), high = Math.max(anchor, cursor) + 1;
            anchor = null;
            zoom(begin(low), begin(high));
          };
          holder.addEventListener("pointerdown", event => {
            if (event.button) return;
            holder.setPointerCapture(event.pointerId);
            anchor = cursor = point(event);
          });
          holder.addEventListener("pointermove", event => { cursor = point(event); render(); });
          holder.addEventListener("pointerup", () => {
            if (anchor !== null && anchor !== cursor) zoomToSelection(); else { anchor = null; render(); }
          });
          holder.addEventListener("pointercancel", () => { anchor = null; render(); });
          holder.addEventListener("dblclick", reset);
          holder.addEventListener("keydown", event => {
            if (event.ctrlKey || event.altKey || event.metaKey) return;
            const [first, last] = seen();
            const at = cursor === null ? Math.floor((first + last) / 2) : cursor;
            const middle = begin(at) + time.bucketUs / 2;
            const go = to => {
              if (event.shiftKey && anchor === null) anchor = at;
              if (!event.shiftKey) anchor = null;
              cursor = Math.min(last, Math.max(first, to));
              render();
              announce(fillLegend());
            };
            const actions = {
              ArrowLeft: () => go(at - 1), ArrowRight: () => go(at + 1), Home: () => go(first), End: () => go(last),
              PageUp: () => move(-.5), PageDown: () => move(.5), "+": () => scale(.5, middle), "=": () => scale(.5, middle),
              "-": () => scale(2, middle), _: () => scale(2, middle),
              Enter: () => { if (anchor !== null && anchor !== cursor) zoomToSelection(); else scale(.5, middle); },
              Escape: () => { anchor = null; reset(); },
            };
            const action = actions[event.key];
            if (!action) return;
            event.preventDefault();
            action();
          });
          new ResizeObserver(() => {
            const now = Math.max(280, Math.round(holder.clientWidth));
            if (now !== width) { width = now; render(); }
          }).observe(holder);
          const tools = make("div", { class: "tools" }, make("button", {
            type: "button", "aria-pressed": String(isLog),
            onclick: event => { isLog = !isLog; event.currentTarget.setAttribute("aria-pressed", String(isLog)); render(); },
          }, "Logarithmic"));
          followers.push(() => { if (cursor !== null) { const [a, b] = seen(); cursor = Math.min(b, Math.max(a, cursor)); } render(); });
          buildLegend();
          const show = next => { lines = next; hidden = new Set(); buildLegend(); render(); };
          return { parts: [tools, holder, readout, legend], tools, render, show, holder };
        };
        """#
}
