import Foundation
import Glibc
import TapioAgent
import TapioTestSupport
import Testing

/// What `make install`, `make dist` and the image put on a node.
@Suite("What is installed") struct InstallTests {
    /// With the program that is under test: that of a release is built in another step.
    private func make(_ goal: String, _ image: String, _ more: String = "") -> String {
        "make -s -o release RELEASE=\(TapioProgram.path) DESTDIR=\(image) PREFIX=/opt/tapio \(more) \(goal)"
    }

    private func files(_ directory: String) throws -> [String] {
        try Repository.shell("cd \"$1\"; find . -type f | sort", [directory]).output.split(separator: "\n")
            .map { String($0.dropFirst(2)) }
    }

    @Test("make install puts program, unit, completions and manual below a prefix, and uninstall takes just these away")
    func install() throws {
        let place = TemporaryDirectory()
        let image = place.file("image")
        let prefix = image + "/opt/tapio"
        let installed = try Repository.shell(make("install", image, "UNITDIR=/etc/systemd/system"))
        try #require(installed.exitCode == 0, "\(installed.errors)")
        #expect(access(prefix + "/bin/tapio", X_OK) == 0 && access(prefix + "/share/doc/tapio/LICENSE", R_OK) == 0)
        let unit = String(decoding: TestFile.read(image + "/etc/systemd/system/tapio.service") ?? [], as: UTF8.self)
        #expect(unit.contains("ExecStart=/opt/tapio/bin/tapio run") && !unit.contains("/usr/local"))
        #expect(access(prefix + "/share/zsh/site-functions/_tapio", R_OK) == 0)
        #expect(access(prefix + "/share/fish/vendor_completions.d/tapio.fish", R_OK) == 0)
        try completes(prefix + "/share/bash-completion/completions/tapio")
        try documents(prefix + "/share/man/man1")

        TestFile.write(prefix + "/share/man/man1/other.1", "")
        #expect(try Repository.shell(make("uninstall", image, "UNITDIR=/etc/systemd/system")).exitCode == 0)
        #expect(try files(image) == ["etc/tapio/tapio.yaml", "opt/tapio/share/man/man1/other.1"])
    }

    /// The completion does what a person would want of it.
    private func completes(_ completion: String) throws {
        let asked = try Repository.shell(
            """
            source /usr/share/bash-completion/bash_completion 2>/dev/null || true
            source "$1"
            COMP_WORDS=(tapio ver); COMP_CWORD=1; COMP_LINE='tapio ver'; COMP_POINT=9; COMP_TYPE=9
            "$(complete -p tapio | sed 's/.*-F \\([^ ]*\\) .*/\\1/')" tapio ver tapio
            printf '%s\\n' "${COMPREPLY[@]}"
            """,
            [completion]
        )
        #expect(
            Set(asked.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }) == [
                "verify", "version",
            ],
            "\(asked.output) \(asked.errors)"
        )
    }

    /// A page for each command, that renders without a complaint and holds what its help does.
    private func documents(_ manual: String) throws {
        let pages = TestFile.list(manual)
        #expect(
            Set(pages).isSuperset(of: ["tapio.1", "tapio-run.1", "tapio-config-check.1", "tapio-bench-kernel.1"]),
            "\(pages)"
        )
        #expect(!pages.contains("tapio-manual.1"))
        for page in pages {
            let lint = try Repository.shell("mandoc -T lint -W warning \"$1\"", [manual + "/" + page])
            #expect(lint.exitCode == 0, "\(lint.output)")
        }
        let rendered = try Repository.shell("mandoc -T utf8 \"$1\" | col -b", [manual + "/tapio-run.1"]).output
        for text in [
            "--archive dir", "sudo tapio run --collectors process --print", "tapio run",
            "Stop by itself after this time",
        ] {
            #expect(rendered.contains(text), "\(text) is not in \(rendered)")
        }
    }

    @Test("the configuration that is installed sets nothing, and one that is there is never written over")
    func configuration() throws {
        let place = TemporaryDirectory()
        let image = place.file("image")
        let own = image + "/etc/tapio/tapio.yaml"
        #expect(try Repository.shell(make("install", image)).exitCode == 0)
        let shown = try TapioProgram.run(["config", "show", "--config", own])
        #expect(shown.exitCode == 0 && !shown.output.contains("tapio.yaml:"), "\(shown.output) \(shown.errors)")
        let example = String(decoding: TestFile.read(own + ".example") ?? [], as: UTF8.self)
        #expect(example == Repository.text("config/tapio.yaml"))

        TestFile.write(own, "node: mine\n")
        TestFile.write(own + ".example", "of an older version\n")
        #expect(try Repository.shell(make("install", image)).exitCode == 0)
        #expect(TestFile.read(own).map { String(decoding: $0, as: UTF8.self) } == "node: mine\n")
        #expect(TestFile.read(own + ".example").map { String(decoding: $0, as: UTF8.self) } == example)
    }

    @Test("with sudo nothing is built: it says what to do first")
    func sudo() throws {
        let result = try Repository.shell(
            "make -s install SUDO_USER=somebody RELEASE=/nonexistent/tapio DESTDIR=/nonexistent"
        )
        #expect(result.exitCode != 0)
        #expect(result.errors.contains("make release"), "\(result.errors)")
    }

    @Test("where there is no apt-get, what a build takes is named, and it goes on")
    func otherDistributions() throws {
        let result = try Repository.shell("env -i PATH=/nonexistent /bin/sh .ci/packages build")
        #expect(result.exitCode == 0)
        #expect(result.errors.contains("warning: no apt-get here") && result.errors.contains("libbpf-dev"))
    }

    @Test(
        "make dist packs it for other nodes: all files root's, no configuration that would replace theirs, no directory"
    )
    func dist() throws {
        let place = TemporaryDirectory()
        let name =
            "tapio-\(TapioVersion.current)-linux-\(try Repository.shell("uname -m").output.trimmingCharacters(in: .newlines))"
        let made = try Repository.shell(
            "make -s -o release RELEASE=\(TapioProgram.path) DISTDIR=\(place.path) dist"
        )
        try #require(made.exitCode == 0, "\(made.errors)")
        #expect(
            TestFile.list(place.path).filter { $0.hasPrefix("tapio-") }.sorted() == [
                "\(name).tar.gz", "\(name).tar.gz.sha256",
            ]
        )
        let listing = try Repository.shell(
            "cd \"$1\"; sha256sum -c --quiet *.sha256; tar -tvzf *.tar.gz --numeric-owner",
            [place.path]
        )
        #expect(listing.exitCode == 0, "\(listing.errors)")
        let lines = listing.output.split(separator: "\n")
        #expect(lines.allSatisfy { $0.hasPrefix("-rw") && $0.contains(" 0/0 ") }, "\(listing.output)")
        let names = Set(lines.compactMap { $0.split(separator: " ").last.map(String.init) })
        for file in [
            "usr/local/bin/tapio", "usr/local/lib/systemd/system/tapio.service", "etc/tapio/tapio.yaml.example",
            "usr/local/share/doc/tapio/LICENSE", "usr/local/share/man/man1/tapio-run.1",
            "usr/local/share/bash-completion/completions/tapio",
        ] {
            #expect(names.contains("\(name)/\(file)"), "\(file)")
        }
        #expect(!names.contains("\(name)/etc/tapio/tapio.yaml"))

        // As the page says.
        let unpacked = try Repository.shell(
            "mkdir \"$1/node\"; tar -C \"$1/node\" --strip-components=1 -xzf \"$1\"/*.tar.gz; \"$1/node/usr/local/bin/tapio\" version",
            [place.path]
        )
        #expect(unpacked.output.contains(TapioVersion.current), "\(unpacked.errors)")
    }

    @Test(
        "a release runs where no toolchain is: it takes the system's libraries alone, from their own places",
        .enabled(if: Repository.isCI || access(Repository.releasePath, X_OK) == 0, "no release here: make release")
    )
    func release() throws {
        let place = TemporaryDirectory()
        let copy = place.file("tapio")
        #expect(try Repository.shell("cp \"$1\" \"$2\"", [Repository.releasePath, copy]).exitCode == 0)
        let dynamic = try Repository.shell("readelf -d \"$1\"", [copy]).output
        let needed = dynamic.matches(of: #/\(NEEDED\).*\[(.*)\]/#).map { String($0.1) }
        // Those that the page tells to install; the rest is libc's and the compiler's.
        let named = ["libbpf.so", "libelf.so", "libzstd.so", "libcurl.so", "libz.so", "libstdc++.so"]
        let everywhere = ["libc.so", "libm.so", "libgcc_s.so", "ld-linux"]
        let strange = needed.filter { library in !(named + everywhere).contains { library.hasPrefix($0) } }
        #expect(!needed.isEmpty && strange == [], "\(needed)")
        let libraries = try Repository.shell("env -i /usr/bin/ldd \"$1\"", [copy]).output
        #expect(!libraries.contains("swift") && !libraries.contains("not found"), "\(libraries)")
        // Whatever path the linker wrote into it, nothing of it is taken.
        let ran = try Repository.shell("cd /; env -i LD_DEBUG=libs \"$1\" version 2>&1", [copy])
        #expect(ran.exitCode == 0 && ran.output.contains(TapioVersion.current), "\(ran.output.suffix(400))")
        let loaded = ran.output.matches(of: #/calling init: (.*)/#).map { String($0.1) }
        #expect(loaded.allSatisfy { $0.hasPrefix("/lib") || $0.hasPrefix("/usr/lib") || $0 == copy }, "\(loaded)")
    }

    // MARK: Image

    @Test("the image is built as a release is, and both kinds of builders leave the same out")
    func image() throws {
        let text = Repository.text("deploy/container/Containerfile")
        let flags = try #require(Repository.text("Makefile").firstMatch(of: #/RELEASE_FLAGS := (.*)/#)?.1)
        #expect(flags.contains("--static-swift-stdlib"))
        #expect(text.contains("RUN swift build \(flags) "))
        #expect(text.contains("podman build --format docker"), "podman's own format has no HEALTHCHECK")
        let page = Repository.text("docs/deployment.md")
        #expect(page.contains("podman build --format docker"))
        #expect(Repository.text(".dockerignore") == Repository.text(".containerignore"))
        // Its command is one that there is, and fails where nobody answers.
        let check = try #require(text.firstMatch(of: #/CMD \[("/usr/local/bin/tapio", "status".*)\]/#)?.1)
        let words = check.split(separator: ", ").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: "\"")) }
        let answer = try TapioProgram.run(Array(words.dropFirst()) + ["--socket", "/nonexistent"])
        #expect(words.last == "--alive" && answer.exitCode == 1, "\(answer.errors)")
    }
}
