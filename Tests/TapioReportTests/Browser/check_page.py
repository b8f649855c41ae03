#!/usr/bin/env python3
"""Uses a report's page in headless Chromium as a person does, and prints what does not do what it should, a line each.

    check_page.py report.html [directory for screenshots]

Speaks the browser's debugging protocol over a pipe, so it needs no package. Exit code 1 where something is amiss.
"""
import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

PATIENCE = 60


class Browser:
    """One tab of a Chromium of its own."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="tapio-chromium-")
        commands, self.commands = os.pipe()
        self.answers, answers = os.pipe()

        def connect():
            os.dup2(commands, 103)
            os.dup2(answers, 104)
            os.dup2(103, 3)
            os.dup2(104, 4)

        self.process = subprocess.Popen(
            [
                "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--remote-debugging-pipe", f"--user-data-dir={self.directory}", "about:blank",
            ],
            pass_fds=(3, 4, commands, answers), preexec_fn=connect, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self.rest = b""
        self.number = 0
        self.session = None
        self.events = []
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.call(domain + ".enable")
        self.resize(1280, 900)
        self.theme("light")

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self.read(deadline)
            if answer.get("id") == message["id"]:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)
            # A dialog holds up everything until somebody answers.
            if answer.get("method") == "Page.javascriptDialogOpening":
                raise RuntimeError("a dialog opened: a script of the data's ran")

    def read(self, deadline):
        while b"\0" not in self.rest:
            if not select.select([self.answers], [], [], max(0, deadline - time.monotonic()))[0]:
                raise RuntimeError("the browser does not answer")
            piece = os.read(self.answers, 1 << 16)
            if not piece:
                raise RuntimeError("the browser is gone")
            self.rest += piece
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def run(self, script):
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def open(self, path):
        self.call("Page.navigate", url="file://" + os.path.abspath(path))
        deadline = time.monotonic() + PATIENCE
        while self.run("document.readyState + location.href.slice(0, 4)") != "completefile":
            if time.monotonic() > deadline:
                raise RuntimeError("the page does not load")
            time.sleep(0.02)
        self.settle()

    def settle(self):
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def resize(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def theme(self, name, forced="none"):
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": name}, {"name": "forced-colors", "value": forced}])

    def key(self, name, shift=False):
        text = {"Enter": "\r"}.get(name, name if len(name) == 1 else "")
        codes = {"Enter": 13, "Tab": 9, "Escape": 27, "ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35}
        options = {"key": name, "modifiers": 8 if shift else 0, "windowsVirtualKeyCode": codes.get(name, 0)}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **options)
        self.call("Input.dispatchKeyEvent", type="keyUp", **options)
        self.settle()

    def mouse(self, kind, x, y, buttons=0):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left" if kind != "mouseMoved" else "none",
                  buttons=buttons, clickCount=1 if kind != "mouseMoved" else 0)

    def screenshot(self, path, whole=False, settled=True):
        if settled:
            self.settle()
        picture = self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(picture))

    def close(self):
        try:
            self.call("Browser.close")
        except (RuntimeError, OSError):
            pass
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


class Checks:
    def __init__(self, browser, pictures):
        self.browser = browser
        self.pictures = pictures
        self.faults = []

    def expect(self, holds, what):
        if not holds:
            self.faults.append(what)

    def picture(self, name, whole=False, settled=True):
        if self.pictures:
            self.browser.screenshot(os.path.join(self.pictures, name + ".png"), whole, settled)

    def range(self):
        return self.browser.run("document.querySelector('.range').textContent")

    def chart(self):
        self.browser.run("document.querySelector('#rates .chart').scrollIntoView({block: 'center', behavior: 'instant'})")
        self.browser.settle()
        return self.browser.run("(() => { const r = document.querySelector('#rates .chart').getBoundingClientRect();"
                                "return [r.x, r.y, r.width, r.height]; })()")

    def stands(self):
        run = self.browser.run
        self.expect(run("!document.getElementById('page').hidden"), "the report is hidden")
        self.expect(run("document.getElementById('plain').hidden"), "the plain summary stays although the script ran")
        self.expect(run("document.querySelectorAll('.chart svg path.line').length") > 0, "no chart has a line")
        missing = run("[...document.querySelectorAll('button, input, select, [tabindex]')].filter(e => !(e.getAttribute('aria-label')"
                      " || e.textContent.trim() || (e.labels && e.labels.length) || e.id === 'page')).map(e => e.outerHTML.slice(0, 80))")
        self.expect(not missing, f"controls without a name: {missing}")
        self.expect(run("document.querySelector('.skip').getAttribute('href')") == "#page", "the first link does not lead to the report")
        tiles = run("Object.fromEntries([...document.querySelectorAll('.tile')].map(e => [e.children[0].textContent, e.children[1].textContent]))")
        self.expect(tiles["Lost"] == "at least 7", f"a loss of unknown size is no part of what was lost: {tiles['Lost']}")
        source = run("[...document.querySelectorAll('.tile')].find(e => e.children[0].textContent === 'Killed by signals').children[2]?.textContent")
        self.expect(tiles["Killed by signals"] == "1" and source == "by weight, of 1 signal_death row",
                    f"it is not said of what deaths by signals are counted: {tiles['Killed by signals']} {source}")
        self.expect(tiles["Events"].startswith("≈ "), "an estimate is not called one")
        self.expect("those that were kept" in run("document.getElementById('slow').textContent"),
                    "it is not said that slow requests were sampled")
        ids = run("[...document.querySelectorAll('[id]')].map(e => e.id)")
        self.expect(len(ids) == len(set(ids)), "ids occur twice")

    def does_nothing_hostile(self):
        run = self.browser.run
        self.expect(run("document.querySelectorAll('img, iframe, object, embed, link, svg [onload], [onerror], [onclick]').length") == 0,
                    "an element was made of a process's name")
        self.expect(run("document.scripts.length") == 2, "a script was made of a process's name")
        self.expect(run("window.owned === undefined"), "a script of a process's name ran")
        text = run("document.body.innerText")
        for hostile in ("<img src=x onerror=window.owned=1>", "</script><script>window.owned=2</script>", "\\u{202e}gpj.exe",
                        "\\x1b[31mred\\x07", "'\"&amp;"):
            self.expect(hostile in text, f"not shown as it is: {hostile!r}")
        # U+202A to U+202E, U+2066 to U+2069, C0 but for line ends and tabs, C1.
        bad = run(r"(document.body.innerText + document.title).match(/[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\x7f-\x9f]/)")
        self.expect(bad is None, f"a control character reached the page: {bad!r}")
        run("(() => { const s = document.createElement('script'); s.textContent = 'window.owned = 3'; document.body.append(s); s.remove(); })()")
        self.expect(run("window.owned === undefined"), "the policy lets another script run")

    def zooms_by_mouse(self):
        before = self.range()
        x, y, width, height = self.chart()
        self.browser.mouse("mouseMoved", x + width * 0.4, y + height / 2)
        self.browser.mouse("mousePressed", x + width * 0.4, y + height / 2, 1)
        self.browser.mouse("mouseMoved", x + width * 0.5, y + height / 2, 1)
        self.browser.settle()
        self.expect(self.browser.run("document.querySelectorAll('#rates .select').length") == 1, "a drag shows no selection")
        self.browser.mouse("mouseMoved", x + width * 0.6, y + height / 2, 1)
        self.browser.mouse("mouseReleased", x + width * 0.6, y + height / 2)
        self.browser.settle()
        self.expect(self.range() != before, "a drag does not zoom")
        self.picture("zoomed")
        self.browser.run("document.querySelector('#bar button[title=\"Show all of the time\"]').click()")
        self.expect(self.range() == before, "the button does not show all again")

    def zooms_by_keyboard(self):
        before = self.range()
        self.chart()
        self.browser.run("document.querySelector('#rates .chart').focus({preventScroll: true})")
        self.browser.key("End")
        # The ledger does not tell of the last ten seconds: what did not happen there is not known to be zero.
        values = self.browser.run("[...document.querySelectorAll('#rates .legend button')].map(e => e.textContent)")
        self.expect(any(text.endswith("–") for text in values), f"a bucket of which nothing tells has a zero: {values}")
        self.expect(not any(text.startswith("tcp_connect") and text.endswith("–") for text in values), "events that are there are not shown")
        self.expect("no ledger of this time" in self.browser.run("document.querySelector('#rates .readout').textContent"),
                    "it is not said where the ledger tells nothing")
        # Forty events in the nine seconds of the bucket that the archive has: not forty in ten.
        self.expect("tcp_connect4.44" in values, f"a rate of the last bucket is not per second of what is covered: {values}")
        self.expect("9 s of it covered" in self.browser.run("document.querySelector('#rates .readout').textContent"),
                    "it is not said how much of the last bucket is covered")
        self.browser.key("Home")
        values = self.browser.run("[...document.querySelectorAll('#rates .legend button')].map(e => e.textContent)")
        self.expect("tcp_connect1" in values and "of it covered" not in self.browser.run("document.querySelector('#rates .readout').textContent"),
                    f"a bucket that is covered as a whole is taken for a part: {values}")
        first = self.browser.run("document.querySelector('#rates .readout').textContent")
        self.browser.key("ArrowRight")
        second = self.browser.run("document.querySelector('#rates .readout').textContent")
        self.expect(first != second and "UTC" in second, "an arrow key does not move the cursor")
        self.expect("UTC" in self.browser.run("document.getElementById('said').textContent"), "the cursor is not announced")
        for _ in range(6):
            self.browser.key("ArrowRight", shift=True)
        self.browser.key("Enter")
        zoomed = self.range()
        self.expect(zoomed != before, "Shift with arrows and Enter do not zoom")
        self.expect(self.browser.run("document.querySelector('#latency .chart') === null || "
                                     "document.querySelector('#latency .chart svg') !== null"), "another chart is gone")
        self.browser.key("+")
        self.expect(self.range() != zoomed, "plus does not zoom")
        self.browser.key("Escape")
        self.expect(self.range() == before, "Escape does not show all again")
        self.browser.key("Tab")
        self.expect(self.browser.run("document.activeElement.tagName") == "BUTTON", "Tab does not leave the chart for its legend")

    def announces_once(self):
        run = self.browser.run
        self.expect(run("[...document.querySelectorAll('[aria-live], [role=status], [role=alert], [role=log], output')].map(e => e.id)")
                    == ["said"], "there is more than one live region")
        self.expect(run("document.getElementById('said').getAttribute('aria-live')") == "polite", "announcements interrupt")
        run("(() => { window.announced = []; new MutationObserver(records => window.announced.push(...records.map("
            "() => document.getElementById('said').textContent))).observe(document.getElementById('said'), "
            "{childList: true, characterData: true, subtree: true}); })()")
        run("document.querySelector('#rates .chart').focus({preventScroll: true})")
        self.browser.key("+")
        announced = run("window.announced")
        self.expect(len(announced) == 1 and announced[0].startswith("Showing "), f"a zoom announces {announced}")
        self.browser.key("Escape")
        run("(() => { window.announced = []; const i = document.querySelector('#talkers input'); i.value = 'nginx'; "
            "i.dispatchEvent(new Event('input')); })()")
        self.browser.settle()
        announced = run("window.announced")
        self.expect(len(announced) == 1 and announced[0].startswith("Top processes: ") and " of " in announced[0], f"a filter announces {announced}")
        run("(() => { const i = document.querySelector('#talkers input'); i.value = ''; i.dispatchEvent(new Event('input')); })()")

    def tells_how_many(self):
        self.browser.run("document.querySelector('#latency .chart').focus({preventScroll: true})")
        self.browser.run("(() => { const s = document.getElementById('latency-kind'); s.value = [...s.options]"
                         ".findIndex(o => o.text.startsWith('tcp_connect')); s.dispatchEvent(new Event('change')); })()")
        readout = "document.querySelector('#latency .readout').textContent"
        values = "[...document.querySelectorAll('#latency .legend button')].map(e => e.textContent)"
        said = "document.getElementById('said').textContent"
        self.browser.key("Home")
        told, marks = self.browser.run(readout), [text[:3] for text in self.browser.run(values) if text.endswith("*")]
        self.expect("n = 10 · " in told and "* of too few" in told, f"it is not said of how many a percentile is: {told}")
        self.expect(marks == ["p99"], f"of ten, the p99 alone is uncertain, not {marks}")
        self.expect(" uncertain, max" in self.browser.run(said) and "n = 10" in self.browser.run(said),
                    "it is not announced of how many a percentile is")
        self.browser.key("End")
        told = self.browser.run(readout)
        self.expect("n ≈ 40 of which 10 were kept" in told, f"events that were sampled out count as if they were measured: {told}")
        self.expect(self.browser.run("document.querySelectorAll('#latency path.line.unsure').length") == 1
                    and self.browser.run("document.querySelectorAll('#rates .unsure').length") == 0,
                    "what is of too few is not drawn thin")

    def sorts(self):
        column = ("[...document.querySelectorAll('#talkers tbody tr')].map(r => r.children[%d].textContent)")
        head = "document.querySelectorAll('#talkers thead th')[%d]"
        counts = [int(text.replace(",", "")) for text in self.browser.run(column % 2)]
        self.expect(counts == sorted(counts, reverse=True) and len(counts) > 2, "the busiest process is not first")
        self.expect(self.browser.run(head % 2 + ".getAttribute('aria-sort')") == "descending", "aria-sort is not descending")
        self.browser.run(head % 2 + ".querySelector('button').focus()")
        self.browser.key("Enter")
        counts = [int(text.replace(",", "")) for text in self.browser.run(column % 2)]
        self.expect(counts == sorted(counts), "Enter on a head does not turn the order")
        self.expect(self.browser.run(head % 2 + ".getAttribute('aria-sort')") == "ascending", "aria-sort is not ascending")
        self.browser.run(head % 0 + ".querySelector('button').click()")
        self.expect(self.browser.run(head % 2 + ".getAttribute('aria-sort')") == "none", "two columns say that they are sorted")
        rows = len(counts)
        self.browser.run("(() => { const i = document.querySelector('#talkers input'); i.focus(); i.value = 'img src'; "
                         "i.dispatchEvent(new Event('input')); })()")
        left = self.browser.run(column % 0)
        self.expect(0 < len(left) < rows and all("img src" in text for text in left), f"the filter leaves {left}")
        self.browser.run("(() => { const i = document.querySelector('#talkers input'); i.value = ''; i.dispatchEvent(new Event('input')); })()")

    def switches_theme(self):
        back = "getComputedStyle(document.body).backgroundColor"
        light = self.browser.run(back)
        self.browser.theme("dark")
        self.browser.settle()
        dark = self.browser.run(back)
        self.expect(light != dark, "the system's dark theme changes nothing")
        self.contrast("dark")
        self.picture("dark")
        self.browser.run("document.getElementById('theme').focus()")
        self.browser.key("Enter")
        self.expect(self.browser.run(back) == light, "the switch does not make it light")
        self.browser.theme("light")
        self.browser.key("Enter")
        self.expect(self.browser.run(back) == dark, "the switch does not make it dark")
        self.browser.key("Enter")
        self.expect(self.browser.run(back) == light, "the switch does not go back to the system's")
        self.contrast("light")
        self.picture("light", whole=True)

    def contrast(self, theme):
        """Text needs 4.5 : 1 against what is behind it, lines 3 : 1 (WCAG 2.1)."""
        ratios = self.browser.run("""(() => {
            const style = getComputedStyle(document.documentElement), of = name => style.getPropertyValue(name).trim();
            const light = hex => { const parts = [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16) / 255)
                .map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
                return .2126 * parts[0] + .7152 * parts[1] + .0722 * parts[2]; };
            const ratio = (a, b) => { const [x, y] = [light(of(a)), light(of(b))].sort((p, q) => q - p); return (x + .05) / (y + .05); };
            const result = {};
            for (const behind of ['--back', '--card']) {
                for (const text of ['--text', '--dim', '--accent', '--warn', '--bad']) result[text + ' on ' + behind] = ratio(text, behind) / 4.5;
                for (let i = 0; i < 8; i++) result['--s' + i + ' on ' + behind] = ratio('--s' + i, behind) / 3;
            }
            result['text on warn'] = ratio('--text', '--warn-back') / 4.5;
            result['text on mark'] = ratio('--text', '--mark') / 4.5;
            result['pressed button'] = ratio('--accent-text', '--accent') / 4.5;
            return result; })()""")
        for name, share in ratios.items():
            self.expect(share >= 1, f"too little contrast in the {theme} theme: {name} has {share:.2f} of what it needs")

    def keeps_forced_colors(self):
        """With the reader's own colours (forced-colors), all that is drawn stands out from what is behind it."""
        run = self.browser.run
        for name in ("light", "dark"):
            self.browser.theme(name, forced="active")
            self.chart()
            self.expect(run("matchMedia('(forced-colors: active)').matches"), "the browser forces no colours")
            run("document.querySelector('#rates .chart').focus({preventScroll: true})")
            # A cursor and a selection.
            self.browser.key("Home")
            self.browser.key("ArrowRight", shift=True)
            # The page's own switch must not bring its colours back.
            for theme in ("auto", "light", "dark"):
                run(f"document.documentElement.dataset.theme = '{theme}'")
                ratios = run("""(() => {
                    const parse = text => { const n = (text.match(/[\\d.]+/g) || []).map(Number); return n.length === 3 || n[3] > 0 ? n : null; };
                    const light = n => { const parts = n.slice(0, 3).map(v => v / 255)
                        .map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
                        return .2126 * parts[0] + .7152 * parts[1] + .0722 * parts[2]; };
                    const back = light(parse(getComputedStyle(document.body).backgroundColor));
                    const result = {};
                    const add = (name, selector, property) => {
                        const found = [...document.querySelectorAll(selector)];
                        if (!found.length) result[name] = 'is not there';
                        for (const node of found) {
                            const color = parse(getComputedStyle(node)[property]);
                            const [x, y] = [color ? light(color) : back, back].sort((p, q) => q - p);
                            result[name] = Math.min(result[name] ?? 99, (x + .05) / (y + .05));
                        }
                    };
                    add('a line', '.chart path.line', 'stroke');
                    add('an uncertain line', '.chart path.line.unsure', 'stroke');
                    add('the hatching of losses', 'pattern .hatch', 'stroke');
                    add('the hatching where no ledger is', 'pattern .blank', 'stroke');
                    add('the dots of sampling', 'pattern .dots', 'fill');
                    add('a narrow loss', '.hatch-narrow', 'fill');
                    add('a death', '.death', 'stroke');
                    add('the cursor', '.cross', 'stroke');
                    add('the selection', '.select', 'stroke');
                    add('a label', 'text.axis', 'fill');
                    add('the life of a process', '.lives rect.life:not(.failed, .killed)', 'fill');
                    add('the life of one that failed', '.lives rect.life.failed', 'stroke');
                    add('the focus', '.chart:focus-visible', 'outlineColor');
                    add('a tile', '.tile', 'borderTopColor');
                    return result; })()""")
                for what, ratio in ratios.items():
                    self.expect(ratio != "is not there" and ratio >= 3, f"{what} with forced {name} colours, theme {theme}: {ratio}")
                self.expect(run("getComputedStyle(document.querySelector('#latency .tools button')).backgroundColor !== "
                                "getComputedStyle(document.querySelector('#losses .tools button')).backgroundColor"),
                            f"with forced {name} colours a button that is pressed looks like the others")
                self.expect(run("getComputedStyle(document.querySelector('.chart:focus-visible')).outlineStyle") == "solid",
                            "the focus has no ring")
            run("document.documentElement.dataset.theme = 'auto'")
            self.picture("forced-" + name)
            self.browser.key("Escape")
        self.browser.theme("light")

    def fits_a_narrow_window(self):
        self.browser.resize(380, 800)
        self.browser.settle()
        self.browser.settle()
        self.expect(self.browser.run("document.documentElement.scrollWidth") <= 380, "the page is wider than a narrow window")
        self.picture("narrow", whole=True)
        self.browser.resize(1280, 900)

    def stayed_alone(self):
        for event in self.browser.events:
            method, parameters = event.get("method"), event.get("params", {})
            if method == "Network.requestWillBeSent":
                url = parameters["request"]["url"]
                self.expect(url.startswith("file://") or url.startswith("data:"), f"asked the network for {url}")
            if method == "Runtime.exceptionThrown":
                self.faults.append(f"a script failed: {parameters['exceptionDetails'].get('exception', {}).get('description')}")
            if method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
                # The policy's word on the script that the check itself put in.
                if "Content Security Policy" not in parameters["entry"]["text"]:
                    self.faults.append(f"the browser complains: {parameters['entry']['text']}")

    def works_without_script(self, path):
        self.browser.call("Emulation.setScriptExecutionDisabled", value=True)
        self.browser.call("Page.navigate", url="file://" + os.path.abspath(path))
        time.sleep(0.5)
        tree = self.browser.call("Accessibility.getFullAXTree")["nodes"]
        names = [node.get("name", {}).get("value", "") for node in tree if not node.get("ignored")]
        self.expect("Summary" in names, "without a script there is no summary")
        self.expect(any(name == "process_exec" for name in names), "without a script there is no table of kinds")
        # No frame is waited for where no script runs.
        self.picture("plain", settled=False)


def main():
    pictures = sys.argv[2] if len(sys.argv) > 2 else None
    browser = Browser()
    try:
        checks = Checks(browser, pictures)
        browser.open(sys.argv[1])
        checks.stands()
        checks.does_nothing_hostile()
        checks.zooms_by_mouse()
        checks.zooms_by_keyboard()
        checks.announces_once()
        checks.tells_how_many()
        checks.sorts()
        checks.switches_theme()
        checks.keeps_forced_colors()
        checks.fits_a_narrow_window()
        checks.stayed_alone()
        checks.works_without_script(sys.argv[1])
    finally:
        browser.close()
    for fault in checks.faults:
        print(fault)
    print(f"checked, {len(checks.faults)} faults")
    sys.exit(1 if checks.faults else 0)


main()
