extension PageScript {
    static let tables = #"""
        const columnKinds = {
          text: { show: value => value === null || value === undefined || value === "" ? "–" : String(value), css: "" },
          count: { show: value => value === null || value === undefined ? "unknown" : count(value), css: "number" },
          bytes: { show: bytes, css: "number" },
          duration: { show: value => value ? duration(value) : "–", css: "number" },
          time: { show: stamp, css: "time" },
          id: { show: value => value === null || value === undefined ? "" : String(value), css: "id" },
        };

        // Rows that sort by a click or Enter on a column's head, filter by text, and follow the zoom where they have a time.
        const table = (caption, columns, rows, options = {}) => {
          let order = options.order === undefined ? null : { column: options.order, isDown: options.isDown !== false };
          let wanted = "";
          const kinds = columns.map(column => columnKinds[column.kind || "text"]);
          const cells = rows.map(row => columns.map((column, i) => kinds[i].show(row[column.key])));
          const body = make("tbody");
          // No live region of its own: a zoom changes all tables at once, and is announced once.
          const status = make("span", { class: "dim" });
          const heads = columns.map((column, i) => make("th", { scope: "col", class: kinds[i].css === "time" ? null : kinds[i].css || null },
            make("button", { type: "button", onclick: () => {
              const isText = kinds[i].css !== "number";
              order = { column: i, isDown: order && order.column === i ? !order.isDown : !isText };
              render();
            } }, column.label, make("span", { class: "arrow", "aria-hidden": "true" }))));
          const compare = (a, b) => {
            const key = columns[order.column].key, left = rows[a][key], right = rows[b][key];
            const isLeftMissing = left === null || left === undefined, isRightMissing = right === null || right === undefined;
            if (isLeftMissing || isRightMissing) return isLeftMissing - isRightMissing || a - b;
            const result = typeof left === "number" ? left - right : left < right ? -1 : left > right ? 1 : 0;
            return (order.isDown ? -result : result) || a - b;
          };
          const isInView = row => !options.time || !isZoomed() || options.time(row);
          const render = () => {
            let shown = rows.map((_, i) => i).filter(i => isInView(rows[i]) &&
              (!wanted || cells[i].some(text => text.toLowerCase().includes(wanted))));
            if (order) shown.sort(compare);
            body.replaceChildren(...shown.map(i => make("tr", {}, ...cells[i].map((text, c) =>
              make("td", { class: kinds[c].css || null, dir: kinds[c].css ? null : "auto" }, text)))));
            heads.forEach((head, i) => {
              const isSorted = order && order.column === i;
              head.setAttribute("aria-sort", isSorted ? order.isDown ? "descending" : "ascending" : "none");
              head.querySelector(".arrow").textContent = isSorted ? order.isDown ? " ▼" : " ▲" : "";
            });
            status.textContent = shown.length === rows.length ? counted(rows.length, "row")
              : `${whole.format(shown.length)} of ${counted(rows.length, "row")}`
                + (options.time && isZoomed() ? ", those in the zoomed time" : "");
          };
          if (options.time) followers.push(render);
          const filter = make("input", { type: "search", placeholder: "Filter rows", "aria-label": "Filter rows: " + caption,
            oninput: event => { wanted = event.currentTarget.value.toLowerCase(); render(); announce(caption + ": " + status.textContent); } });
          render();
          return [make("div", { class: "tools" }, filter, status),
            make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
              make("table", {}, make("caption", { class: "hidden" }, caption), make("thead", {}, make("tr", {}, ...heads)), body))];
        };

        // Processes as bars from begin to end. The same is below as a table.
        const lives = spans => {
          const row = 20;
          let width = 800;
          const holder = make("div", { class: "scroll lives", tabindex: 0, role: "region", "aria-label": "Process timeline" });
          const render = () => {
            const label = width < 600 ? 120 : 210, right = 16, top = 24;
            const x = us => label + (us - view.from) / (view.to - view.from) * (width - label - right);
            const shown = spans.filter(span => span.startUs < view.to && (span.endUs === null || span.endUs === undefined || span.endUs >= view.from));
            const height = top + Math.max(1, shown.length) * row + 6;
            const root = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
              "aria-label": `${whole.format(shown.length)} ${shown.length === 1 ? "process" : "processes"}; the table below tells the same` });
            const { step, found } = ticks(view.from, view.to, Math.max(2, Math.floor((width - label) / 95)));
            shown.forEach((span, i) => { if (i % 2) root.append(draw("rect", { x: 0, y: top + i * row, width, height: row, class: "stripe" })); });
            for (const at of found) root.append(draw("line", { x1: x(at), x2: x(at), y1: top - 4, y2: height, class: "gridline" }),
              draw("text", { x: x(at), y: 14, "text-anchor": x(at) > width - 40 ? "end" : "middle", class: "axis" }, tickText(at, step)));
            shown.forEach((span, i) => {
              const y = top + i * row, isRunning = span.endUs === null || span.endUs === undefined;
              const from = Math.max(label, x(span.startUs)), to = Math.min(width - right, isRunning ? width : x(span.endUs));
              const fate = span.signal ? "killed" : span.exitCode ? "failed" : "";
              const text = span.comm + " [" + span.pid + "]", room = Math.floor((label - 12) / 7);
              const ending = span.signal ? "✕ " + signal(span.signal) : span.exitCode ? "! exit " + span.exitCode : isRunning ? "→" : "";
              root.append(draw("g", {},
                draw("title", {}, text + (span.owner ? ", " + span.owner : "") + (span.exe ? ", " + span.exe : "") + ": " + stamp(span.startUs)
                  + (isRunning ? ", not seen to end" : " to " + stamp(span.endUs)) + (ending ? " " + ending : "")),
                draw("text", { x: 6, y: y + 14 }, text.length > room ? Array.from(text).slice(0, room - 1).join("") + "…" : text),
                draw("rect", { x: from, y: y + 4, width: Math.max(3, to - from), height: row - 8, rx: 2, class: "life " + fate }),
                ending ? draw("text", to > width - 130
                  ? { x: Math.max(label + 4, Math.min(from - 4, width - right)), y: y + 14, "text-anchor": from - label > 90 ? "end" : "start" }
                  : { x: to + 5, y: y + 14 }, isRunning ? "" : ending) : null));
            });
            if (!shown.length) root.append(draw("text", { x: label, y: top + 14 }, "No process in the zoomed time."));
            holder.replaceChildren(root);
          };
          new ResizeObserver(() => {
            const now = Math.max(280, Math.floor(holder.clientWidth));
            if (now !== width) { width = now; render(); }
          }).observe(holder);
          followers.push(render);
          render();
          return holder;
        };
        """#
}
