extension PageScript {
    static let basics = #"""
        "use strict";
        // What a process chose is shown as it is, and does nothing: only text nodes are made of it, and characters that hide,
        // reorder or control are written out.
        const unsafe = /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
        const clean = text => text
          .replace(unsafe, c => {
            const code = c.codePointAt(0);
            return code < 0x80 ? "\\x" + code.toString(16).padStart(2, "0") : "\\u{" + code.toString(16) + "}";
          })
          .replace(/(\p{M}{2})\p{M}+/gu, "$1");
        const data = JSON.parse(document.getElementById("data").textContent, (_, value) =>
          typeof value === "string" ? clean(value) : value);

        const fill = (node, attributes, children) => {
          for (const [name, value] of Object.entries(attributes || {})) {
            if (value === null || value === undefined || value === false) continue;
            if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
            else node.setAttribute(name, value === true ? "" : value);
          }
          for (const child of children) if (child !== null && child !== undefined) node.append(child);
          return node;
        };
        const make = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
        const draw = (tag, attributes, ...children) =>
          fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

        const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
        const digits = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
        const count = value => value === null ? "–" : value >= 100 || Number.isInteger(value) ? whole.format(value) : digits.format(value);
        const counted = (number, thing) => `${whole.format(number)} ${thing}${number === 1 ? "" : "s"}`;
        const short = value => {
          for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e3]]) if (value >= size) return digits.format(value / size) + unit;
          return digits.format(value);
        };
        const duration = ns => {
          if (ns === null) return "–";
          for (const [unit, size] of [["h", 3.6e12], ["min", 6e10], ["s", 1e9], ["ms", 1e6], ["µs", 1e3]])
            if (ns >= size) return digits.format(ns / size) + " " + unit;
          return digits.format(ns) + " ns";
        };
        const bytes = value => {
          if (value === null) return "–";
          for (const [unit, size] of [["TiB", 2 ** 40], ["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 1024]])
            if (value >= size) return digits.format(value / size) + " " + unit;
          return digits.format(value) + " B";
        };
        const signals = ["", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
          "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
          "PWR", "SYS"];
        const signal = number => !number ? "" : signals[number] ? "SIG" + signals[number] : "signal " + number;
        const iso = us => {
          const date = new Date(us / 1000);
          return isNaN(date) ? String(us) : date.toISOString();
        };
        const stamp = us => iso(us).slice(0, 10) + " " + iso(us).slice(11, 23);
        const time = data.time || null;

        // What is zoomed to. Everything that shows time follows.
        const view = { from: time ? time.fromUs : 0, to: time ? time.toUs : 1 };
        const followers = [];
        const announce = text => { document.getElementById("said").textContent = text; };
        const zoom = (from, to) => {
          if (!time) return;
          const width = Math.min(Math.max(to - from, 2 * time.bucketUs), time.toUs - time.fromUs);
          from = Math.min(Math.max(from, time.fromUs), time.toUs - width);
          view.from = from;
          view.to = from + width;
          for (const follow of followers) follow();
          announce("Showing " + stamp(view.from) + " to " + stamp(view.to) + " UTC");
        };
        const reset = () => zoom(time.fromUs, time.toUs);
        const scale = (factor, at) => {
          const middle = at === undefined ? (view.from + view.to) / 2 : at;
          zoom(middle - (middle - view.from) * factor, middle + (view.to - middle) * factor);
        };
        const move = part => { const by = (view.to - view.from) * part; zoom(view.from + by, view.to + by); };
        const isZoomed = () => time && (view.from > time.fromUs || view.to < time.toUs);
        """#
}
