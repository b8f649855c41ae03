extension PageScript {
    static let sections = #"""
        const main = document.getElementById("page");
        const sections = [];
        const section = (id, title, about, ...parts) => {
          const heading = make("h2", { id: id + "-title" }, title);
          main.append(make("section", { id, "aria-labelledby": id + "-title" }, heading,
            ...(about ? [make("p", { class: "dim" }, about)] : []), ...parts.flat()));
          sections.push([id, title]);
        };
        const ranking = (list, all) => {
          const notes = [];
          if (list.leftOut) notes.push(`The first ${list.items.length} of ${whole.format(list.items.length + list.leftOut)} are shown.`);
          if (list.error) notes.push(`There were more than could be told apart: counts may be too small by up to ${count(list.error)}.`);
          return [all, ...notes].filter(Boolean).join(" ");
        };
        const listing = (list, all) => [all, list.total > list.items.length
          ? `${whole.format(list.items.length)} of ${whole.format(list.total)} are shown.` : ""].filter(Boolean).join(" ");
        const within = key => row => row[key] >= view.from && row[key] < view.to;
        const sum = (items, key) => items.reduce((total, item) => total + item[key], 0);

        // What there is to say before anything else.
        const reading = data.reading;
        if (reading.damageCount || reading.warningCount) {
          const more = reading.damageCount + reading.warningCount - reading.damage.length - reading.warnings.length;
          main.append(make("section", { class: "notice", "aria-label": "What this report lacks" },
            make("h2", {}, "⚠ This report is incomplete"),
            reading.damageCount ? make("p", {}, `${whole.format(reading.damageCount)} damaged parts were skipped`
              + (reading.rowsInDamage ? `, with at least ${whole.format(reading.rowsInDamage)} rows` : "") + ".") : null,
            make("ul", {}, ...reading.damage.concat(reading.warnings).map(text => make("li", {}, text)),
              more > 0 ? make("li", {}, `and ${whole.format(more)} more`) : null)));
        }
        const totals = data.ledger.totals;
        const lost = ["ring_full", "malformed", "shed", "failed"].reduce((all, name) => all + (totals[name] || 0), 0);
        const tile = (name, value, isBad) => make("div", { class: isBad ? "tile bad" : "tile" }, make("dt", {}, name), make("dd", {}, value));
        const isEstimate = data.kinds.some(kind => kind.sampledRows > 0);
        const ofKinds = (...names) => sum(data.kinds.filter(kind => names.includes(kind.name)), "events");
        const oomKills = ofKinds("oom_kill");
        main.append(make("dl", { class: "tiles" },
          tile("Events", (isEstimate ? "≈ " : "") + count(reading.events)), tile("Rows", count(reading.rows)),
          tile("Lost", data.ledger.isThere ? count(lost) : "no ledger", lost > 0),
          tile("Sampled out", data.ledger.isThere ? count(totals.sampled_out || 0) : "no ledger"),
          tile("OOM kills", count(oomKills), oomKills > 0),
          tile("Killed by signals", count(ofKinds("signal_death") || Math.max(0, data.deaths.total - oomKills))),
          tile("Failed system calls", count(ofKinds("syscall_failed"))),
          tile("Failed connections", count(ofKinds("tcp_failed"))),
          tile("DNS failures", count(ofKinds("dns_failed", "dns_timeout"))),
          tile("Damaged parts", count(reading.damageCount), reading.damageCount > 0)));

        if (time) {
          const rates = chart({ name: "Events per second", series: data.rates, format: short, perSecond: true });
          section("rates", "Event rates", "Events per second by kind; a line stands for the events that were kept and, by weight, those they stand for.", rates.parts);

          if (data.latencies.length) {
            const lines = item => [["p50", item.p50], ["p90", item.p90], ["p99", item.p99], ["max", item.maximum]]
              .map(([name, values]) => ({ name, values }));
            const latency = chart({ name: "Latency percentiles", series: lines(data.latencies[0]), format: duration, logarithmic: true });
            const choice = make("select", { id: "latency-kind", onchange: event => latency.show(lines(data.latencies[event.currentTarget.value])) },
              ...data.latencies.map((item, i) => make("option", { value: i }, item.kind + " (" + item.measure + ")")));
            latency.tools.prepend(make("label", { for: "latency-kind" }, "Kind"), choice);
            section("latency", "Latency percentiles", "Rounded up by at most 6.25 %; where rows are summaries, within 25 %. Buckets without a measure leave the line open."
              + (data.latenciesLeftOut ? ` ${data.latenciesLeftOut} more kinds had no room.` : ""), latency.parts);
          }

          const ledger = [{ name: "attempted", values: data.ledger.attempted }, { name: "sampled out", values: data.ledger.sampledOut },
            { name: "lost", values: data.ledger.lost }];
          const parts = data.ledger.isThere ? chart({ name: "Losses and sampling", series: ledger, format: short, perSecond: true }).parts
            : [make("p", {}, "The archive has no ledger of this time: what was lost is not known.")];
          if (data.gaps.items.length) parts.push(...table("Gaps", [
            { key: "fromUs", label: "From (UTC)", kind: "time" }, { key: "toUs", label: "To", kind: "time" }, { key: "kind", label: "Kind" },
            { key: "reason", label: "Reason" }, { key: "count", label: "Events", kind: "count" }],
            data.gaps.items, { time: gap => gap.toUs >= view.from && gap.fromUs < view.to }));
          section("losses", "Losses and sampling", listing(data.gaps, data.ledger.isThere ? "What the probes saw, by the agent's ledger, and what of it is not in the archive." : ""), parts);
        }

        const kindColumns = [{ key: "name", label: "Kind" }, { key: "events", label: "Events", kind: "count" }, { key: "rows", label: "Rows", kind: "count" },
          { key: "sampledRows", label: "Sampled rows", kind: "count" }, { key: "summaryRows", label: "Summaries", kind: "count" },
          { key: "firstUs", label: "First (UTC)", kind: "time" }, { key: "lastUs", label: "Last", kind: "time" }];
        if (data.kinds.length) section("kinds", "Kinds", "Events of kinds with sampled rows are estimates.", table("Kinds of events", kindColumns, data.kinds, { order: 1 }));
        if (data.processes.items.length) section("talkers", "Top processes", ranking(data.processes), table("Top processes", [
          { key: "comm", label: "Process" }, { key: "owner", label: "Pod, container or unit" }, { key: "events", label: "Events", kind: "count" },
          { key: "failedCalls", label: "Failed calls", kind: "count" }, { key: "connections", label: "Connections", kind: "count" },
          { key: "bytesSent", label: "Sent", kind: "bytes" }, { key: "bytesReceived", label: "Received", kind: "bytes" }],
          data.processes.items, { order: 2 }));
        if (data.peers.items.length) section("peers", "Top talkers", ranking(data.peers, "The other ends of connections; for incoming ones the port is this end's."),
          table("Top talkers", [{ key: "name", label: "Name" }, { key: "address", label: "Address" }, { key: "port", label: "Port", kind: "id" },
            { key: "direction", label: "Direction" }, { key: "connections", label: "Connections", kind: "count" }, { key: "failed", label: "Failed", kind: "count" },
            { key: "bytesSent", label: "Sent", kind: "bytes" }, { key: "bytesReceived", label: "Received", kind: "bytes" },
            { key: "retransmits", label: "Sent again", kind: "count" }], data.peers.items, { order: 6 }));
        if (data.syscalls.items.length) section("syscalls", "Failing system calls", ranking(data.syscalls), table("Failing system calls", [
          { key: "syscall", label: "Call" }, { key: "error", label: "Error" }, { key: "comm", label: "Process" },
          { key: "owner", label: "Pod, container or unit" }, { key: "count", label: "Times", kind: "count" }], data.syscalls.items, { order: 4 }));
        if (data.failedConnections.items.length) section("failed", "Failed connections", ranking(data.failedConnections), table("Failed connections", [
          { key: "peer", label: "To" }, { key: "error", label: "Error" }, { key: "comm", label: "Process" }, { key: "owner", label: "Pod, container or unit" },
          { key: "count", label: "Times", kind: "count" }, { key: "longestNs", label: "Longest", kind: "duration" }], data.failedConnections.items, { order: 4 }));
        if (data.slow.items.length) section("slow", "Slow requests and waits", listing(data.slow, "The slowest of each kind."), table("Slow requests and waits", [
          { key: "timeUs", label: "Time (UTC)", kind: "time" }, { key: "kind", label: "Kind" }, { key: "latencyNs", label: "Took", kind: "duration" },
          { key: "comm", label: "Process" }, { key: "pid", label: "Pid", kind: "id" }, { key: "owner", label: "Pod, container or unit" }, { key: "detail", label: "What" }],
          data.slow.items, { order: 2, time: within("timeUs") }));
        if (data.dns.items.length) section("dns", "DNS trouble", ranking(data.dns, "Answers that failed, did not come, or came late."), table("DNS trouble", [
          { key: "name", label: "Name" }, { key: "trouble", label: "Trouble" }, { key: "comm", label: "Process" }, { key: "server", label: "Server" },
          { key: "count", label: "Times", kind: "count" }, { key: "longestNs", label: "Longest", kind: "duration" }], data.dns.items, { order: 4 }));
        const deaths = data.deaths.items.map(death => ({ ...death, fate: death.kind === "oom_kill" ? "OOM kill" : signal(death.signal) }));
        if (deaths.length) section("deaths", "OOM and kills", listing(data.deaths), table("OOM and kills", [
          { key: "timeUs", label: "Time (UTC)", kind: "time" }, { key: "fate", label: "What" }, { key: "comm", label: "Process" }, { key: "pid", label: "Pid", kind: "id" },
          { key: "owner", label: "Pod, container or unit" }, { key: "detail", label: "Why" }], deaths, { order: 0, isDown: false, time: within("timeUs") }));
        if (data.timeline.items.length) {
          const spans = data.timeline.items.map(span => {
            const isRunning = span.endUs === null || span.endUs === undefined;
            return { ...span, lasted: isRunning ? null : (span.endUs - span.startUs) * 1000,
              ending: span.signal ? signal(span.signal) : isRunning ? "not seen to end" : "exit " + (span.exitCode || 0) };
          });
          section("timeline", "Process timeline", listing(data.timeline, "Killed ones are marked ✕, failed ones !, those not seen to end →."), lives(spans),
            make("details", {}, make("summary", {}, "As a table"), ...table("Processes", [
              { key: "startUs", label: "Begin (UTC)", kind: "time" }, { key: "comm", label: "Process" }, { key: "pid", label: "Pid", kind: "id" },
              { key: "ppid", label: "Parent", kind: "id" }, { key: "exe", label: "Program" }, { key: "owner", label: "Pod, container or unit" },
              { key: "lasted", label: "Lasted", kind: "duration" }, { key: "ending", label: "End" }], spans,
              { order: 0, isDown: false, time: span => span.startUs < view.to && (span.lasted === null || span.endUs >= view.from) })));
        }
        if (data.agent.items.length) section("agent", "What the agent did", listing(data.agent), table("What the agent did", [
          { key: "timeUs", label: "Time (UTC)", kind: "time" }, { key: "entry", label: "What" }, { key: "reason", label: "Why" }, { key: "note", label: "Note" }],
          data.agent.items, { order: 0, isDown: false, time: within("timeUs") }));
        if (!data.kinds.length) main.append(make("section", {}, make("h2", {}, "No events"), make("p", {},
          "There is no event in this archive in the time that was asked for.")));

        // The bar: zoom and theme.
        const themes = ["auto", "light", "dark"];
        const theme = make("button", { type: "button", id: "theme", onclick: () => {
          const next = themes[(themes.indexOf(document.documentElement.dataset.theme) + 1) % themes.length];
          document.documentElement.dataset.theme = next;
          theme.textContent = "Theme: " + next;
        } }, "Theme: auto");
        const range = make("span", { class: "range" });
        const tool = (label, name, action) => make("button", { type: "button", "aria-label": name, title: name, onclick: action }, label);
        if (time) {
          document.getElementById("bar").append(tool("+", "Zoom in", () => scale(.5)), tool("−", "Zoom out", () => scale(2)),
            tool("◀", "Earlier", () => move(-.5)), tool("▶", "Later", () => move(.5)), tool("All", "Show all of the time", reset));
          const tell = () => { range.textContent = stamp(view.from) + " – " + stamp(view.to) + " UTC"; };
          followers.push(tell);
          tell();
        }
        document.getElementById("bar").append(theme, range);
        document.getElementById("contents").append(...sections.map(([id, title]) => make("li", {}, make("a", { href: "#" + id }, title))));
        for (const follow of followers) follow();
        document.getElementById("plain").hidden = true;
        for (const id of ["page", "bar", "nav"]) document.getElementById(id).hidden = false;
        """#
}
