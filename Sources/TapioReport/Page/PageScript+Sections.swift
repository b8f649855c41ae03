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
        const isSampled = (...names) => data.kinds.some(kind => kind.sampledRows > 0 && (!names.length || names.includes(kind.name)));
        const ranking = (list, all) => {
          const notes = [];
          if (isSampled()) notes.push("Where rows were sampled, counts are estimates: a row counts for all that it stands for.");
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
        if (reading.notes.length || reading.warningCount) {
          const more = reading.warningCount - reading.warnings.length;
          const isLacking = reading.warningCount > 0 || reading.notes.some(note => note.startsWith("incomplete"));
          main.append(make("section", { class: "notice", "aria-label": "What this report lacks" },
            make("h2", {}, isLacking ? "⚠ This report is incomplete" : "⚠ The archive is damaged"),
            make("ul", {}, ...reading.notes.concat(reading.warnings).map(text => make("li", {}, text)),
              more > 0 ? make("li", {}, `and ${whole.format(more)} more ${more === 1 ? "file was" : "files were"} left out`) : null)));
        }
        const totals = data.ledger.totals;
        const lost = ["ring_full", "malformed", "shed", "failed"].reduce((all, name) => all + (totals[name] || 0), 0);
        const tile = (name, value, isBad, source) => make("div", { class: isBad ? "tile bad" : "tile" }, make("dt", {}, name), make("dd", {}, value),
          source ? make("dd", { class: "source" }, source) : null);
        // An unknown number is no zero.
        const lostText = !data.ledger.isThere ? "no ledger" : !unknownGaps.length ? count(lost)
          : lost > 0 ? "at least " + count(lost) : "unknown";
        const ofKinds = (...names) => sum(data.kinds.filter(kind => names.includes(kind.name)), "events");
        const about = (...names) => isSampled(...names) ? "≈ " : "";
        const countOf = (...names) => about(...names) + count(ofKinds(...names));
        const oomKills = ofKinds("oom_kill");
        const killed = data.signalDeaths;
        main.append(make("dl", { class: "tiles" },
          tile("Events", about() + count(reading.events)), tile("Rows", count(reading.rows)),
          tile("Lost", lostText, lost > 0 || unknownGaps.length > 0),
          tile("Sampled out", data.ledger.isThere ? count(totals.sampled_out || 0) : "no ledger"),
          tile("OOM kills", countOf("oom_kill"), oomKills > 0),
          tile("Killed by signals", (killed.rows ? about(killed.kind) : "") + count(killed.events), false,
            killed.rows ? `by weight, of ${counted(killed.rows, killed.kind + " row")}` : ""),
          tile("Failed system calls", countOf("syscall_failed")),
          tile("Failed connections", countOf("tcp_failed")),
          tile("DNS failures", countOf("dns_failed", "dns_timeout")),
          tile("Damaged parts", count(reading.damageCount), reading.damageCount > 0)));

        if (time) {
          const told = { fromUs: time.coveredFromUs, toUs: time.coveredToUs };
          const isPartly = told.fromUs > time.fromUs || told.toUs < time.toUs;
          const rates = chart({ name: "Events per second", format: short, span: told,
            series: data.rates.map(line => ({ ...line, values: perSecond(asTold(line.values), told) })) });
          section("rates", "Event rates", "Events per second by kind; a line stands for the events that were kept and, by weight, those they stand for."
            + (data.kinds.some(kind => kind.summaryRows) ? " Events that were merged are spread evenly from the first to the last of them." : "")
            + (isPartly ? " At begin and end rates are per second of the part of the bucket that is covered." : ""), rates.parts);

          if (data.latencies.length) {
            // Of fewer, a percentile is the greatest of all.
            const lines = item => [["p50", item.p50, 2], ["p90", item.p90, 10], ["p99", item.p99, 100], ["max", item.maximum, 0]]
              .map(([name, values, least]) => ({ name, values, least, of: item }));
            const latency = chart({ name: "Latency percentiles", series: lines(data.latencies[0]), format: duration, logarithmic: true });
            const choice = make("select", { id: "latency-kind", onchange: event => latency.show(lines(data.latencies[event.currentTarget.value])) },
              ...data.latencies.map((item, i) => make("option", { value: i }, item.kind + " (" + item.measure + ")")));
            latency.tools.prepend(make("label", { for: "latency-kind" }, "Kind"), choice);
            section("latency", "Latency percentiles", "Rounded up by at most 6.25 %; where rows are summaries, within 25 %. Buckets without a measure leave the line open."
              + " n is the number of events in a bucket; * marks a percentile of too few to tell it from the greatest: p99 of fewer than 100, p90 of fewer than 10, p50 of one."
              + (isSampled() ? " Sampled rows count by their weight; the maximum is of those that were kept." : "")
              + (data.latenciesLeftOut ? ` ${counted(data.latenciesLeftOut, "more kind")} had no room.` : ""), latency.parts);
          }

          const ledger = [["attempted", data.ledger.attempted], ["sampled out", data.ledger.sampledOut], ["lost", data.ledger.lost]]
            .map(([name, values]) => ({ name, values: perSecond(asTold(values), data.ledger) }));
          const parts = data.ledger.isThere ? chart({ name: "Losses and sampling", series: ledger, format: short, span: data.ledger }).parts
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
        if (data.slow.items.length) section("slow", "Slow requests and waits", listing(data.slow, isSampled() ? "The slowest of each kind, of those that were kept: where rows were sampled, slower ones may not be there."
          : "The slowest of each kind."), table("Slow requests and waits", [
          { key: "timeUs", label: "Time (UTC)", kind: "time" }, { key: "kind", label: "Kind" }, { key: "latencyNs", label: "Took", kind: "duration" },
          { key: "comm", label: "Process" }, { key: "pid", label: "Pid", kind: "id" }, { key: "owner", label: "Pod, container or unit" }, { key: "detail", label: "What" }],
          data.slow.items, { order: 2, time: within("timeUs") }));
        if (data.dns.items.length) section("dns", "DNS trouble", ranking(data.dns, "Answers that failed, did not come, or came late."), table("DNS trouble", [
          { key: "name", label: "Name" }, { key: "trouble", label: "Trouble" }, { key: "comm", label: "Process" }, { key: "server", label: "Server" },
          { key: "count", label: "Times", kind: "count" }, { key: "longestNs", label: "Longest", kind: "duration" }], data.dns.items, { order: 4 }));
        const deaths = data.deaths.items.map(death => ({ ...death, fate: death.kind === "oom_kill" ? "OOM kill" : signal(death.signal) }));
        if (deaths.length) section("deaths", "OOM and kills", listing(data.deaths, isSampled("oom_kill", killed.kind)
          ? "A row each. Of those that were sampled out there is none: the counts above, by weight, are greater." : ""), table("OOM and kills", [
          { key: "timeUs", label: "Time (UTC)", kind: "time" }, { key: "fate", label: "What" }, { key: "comm", label: "Process" }, { key: "pid", label: "Pid", kind: "id" },
          { key: "owner", label: "Pod, container or unit" }, { key: "detail", label: "Why" }], deaths, { order: 0, isDown: false, time: within("timeUs") }));
        if (data.timeline.items.length) {
          const spans = data.timeline.items.map(span => {
            const isRunning = span.endUs === null || span.endUs === undefined;
            return { ...span, lasted: isRunning ? null : (span.endUs - span.startUs) * 1000,
              ending: span.signal ? signal(span.signal) : isRunning ? "not seen to end" : "exit " + (span.exitCode || 0) };
          });
          section("timeline", "Process timeline", listing(data.timeline, "Killed ones are marked ✕, failed ones !, those not seen to end →."
            + (isSampled("process_exec", "process_existing", "process_exit") ? " Rows were sampled: others may not be there." : "")), lives(spans),
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
        document.querySelector(".skip").setAttribute("href", "#page");
        for (const id of ["page", "bar", "nav"]) document.getElementById(id).hidden = false;
        """#
}
