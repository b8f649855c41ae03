import Foundation
import Glibc
import TapioAgent
import TapioTestSupport
import Testing

@testable import tapio

extension EndToEnd {
    @Suite("tapio bugreport")
    struct BugreportTests {
        /// The files of a report, by name, as tar and zstd unpack it.
        private static func unpack(_ path: String, in place: TemporaryDirectory) throws -> [String: String] {
            let directory = place.file("unpacked")
            TestFile.removeTree(directory)
            try InteractiveProcess.run(["mkdir", directory])
            try InteractiveProcess.run(["zstd", "-q", "--test", path])
            try InteractiveProcess.run(["tar", "--zstd", "-xf", path, "-C", directory])
            let top = try #require(TestFile.list(directory).first)
            #expect(TestFile.list(directory).count == 1, "all lies in one directory")
            #expect(top.hasPrefix("tapio-bugreport-"))
            var files: [String: String] = [:]
            for name in TestFile.list("\(directory)/\(top)") {
                files[name] = String(decoding: TestFile.read("\(directory)/\(top)/\(name)") ?? [], as: UTF8.self)
                var facts = stat()
                #expect(lstat("\(directory)/\(top)/\(name)", &facts) == 0 && facts.st_mode & 0o777 == 0o600)
            }
            return files
        }

        @Test("holds what is known of a running agent, and none of the secrets that were planted")
        func running() throws {
            let place = TemporaryDirectory()
            let secret = "hunter2-s3cr3t"
            // In a URL that a reload refuses, and that log and status then tell of.
            let agent = try AgentProcess(in: place)
            TestFile.write(agent.configPath, "collectors: {file: {paths: ['https://admin:\(secret)@127.0.0.1:9']}}\n")
            agent.signal(SIGHUP)
            #expect(agent.wait { $0.configuration.failedReloads == 1 }, "\(agent.log)")
            #expect(agent.log.contains(secret), "it was planted")
            TestFile.write(agent.configPath, "")
            let child = SpawnedProcess("/bin/true", ["true"])
            child.wait()
            let path = place.file("report.tar.zst")
            let arguments = ["bugreport", "--socket", agent.socket, "--config", agent.configPath, "-o", path]
            let settings = ["--set", "collectors.file.paths=/https://admin:\(secret)@127.0.0.1:9"]
            let result = try TapioProgram.run(arguments + settings)
            #expect(result.exitCode == 0, "\(result.errors)")
            #expect(result.output.hasPrefix(path))
            var facts = stat()
            #expect(stat(path, &facts) == 0 && facts.st_mode & 0o777 == 0o600)
            let files = try Self.unpack(path, in: place)
            let wanted = [
                "MANIFEST", "agent.log", "archive.txt", "configuration.json", "doctor.json", "doctor.txt", "kernel.txt",
                "ledger.txt", "metrics.txt", "process.txt", "status.json", "status.txt", "version.txt",
            ]
            for name in wanted { #expect(files[name]?.isEmpty == false, "\(name) in \(files.keys.sorted())") }
            for (name, text) in files { #expect(!text.contains(secret), "\(name) holds the secret") }
            #expect(files["configuration.json"]?.contains("<removed>@127.0.0.1:9") == true)
            let status = try JSONDecoder().decode(StatusReport.self, from: Data((files["status.json"] ?? "").utf8))
            #expect(status.pid == agent.pid)
            #expect(files["kernel.txt"]?.contains("/proc/version\nLinux version") == true)
            #expect(files["archive.txt"]?.contains(".parquet") == true)
            #expect(files["metrics.txt"]?.contains("\ntapio_build_info{") == true)
            #expect(files["MANIFEST"]?.contains("status.json") == true)

            let again = try TapioProgram.run(arguments)
            #expect(again.exitCode == 2 && again.errors.contains("--force"), "\(again.errors)")
            #expect(try TapioProgram.run(arguments + settings + ["--force"]).exitCode == 0)
            #expect(TestFile.find(place.path, suffix: ".tmp").allSatisfy { $0.contains("/archive/") })
            #expect(agent.stop().ending == .exited(0))
        }

        @Test("works without an agent, without root and with a broken configuration, and says what is missing")
        func bare() throws {
            let place = TemporaryDirectory()
            chmod(place.path, 0o1777)
            let config = place.file("broken.yaml")
            TestFile.write(config, "archive:\n  no_such_key: 1\n", mode: 0o644)
            let path = place.file("report.tar.zst")
            let arguments = [
                "bugreport", "--socket", "/nonexistent/tapio.sock", "--config", config, "--archive", "/nonexistent",
                "-o", path,
            ]
            let nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps", "-all"]
            let result = try TapioProgram.run(arguments, through: nobody)
            #expect(result.exitCode == 0, "\(result.errors)")
            for missing in ["status.json", "archive.txt", "configuration.json"] {
                #expect(
                    result.errorLines.contains { $0.contains("not in it: ") && $0.contains(missing) },
                    "\(result.errors)"
                )
            }
            let files = try Self.unpack(path, in: place)
            #expect(files["status.json"] == nil)
            #expect(files["doctor.txt"]?.isEmpty == false)
            #expect(files["configuration.json"]?.contains("no_such_key") == true)
            #expect(files["MANIFEST"]?.contains("Missing:") == true)
        }

        @Test("a file that cannot be written is one clear line")
        func unwritable() throws {
            let arguments = ["bugreport", "--socket", "/nonexistent/tapio.sock", "-o", "/nonexistent/report.tar.zst"]
            let result = try TapioProgram.run(arguments)
            #expect(result.exitCode == 1)
            #expect(result.errorLines.count == 1 && result.errors.contains("cannot write"), "\(result.errors)")
        }
    }

    @Suite("Secrets in a report")
    struct SecretRemoverTests {
        @Test(
            "what looks like a secret is removed",
            arguments: [
                "url: https://user:hunter2@example.org/x", "postgres://hunter2@db:5432/x",
                "Authorization: Bearer hunter2hunter2",
                "Authorization: hunter2 hunter2", "x-clickhouse-key: hunter2", "Set-Cookie: a=b; c=hunter2",
                "token=hunter2&x=1", #"{"password": "hunter2 hunter2", "x": 1}"#, "API_KEY='hunter2'",
                "secret: hunter2",
                "https://s3/x?X-Amz-Signature=hunter2&a=b",
                "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----",
                #"{"key": "-----BEGIN PRIVATE KEY-----\nhunter2"}"#,
                "-----BEGIN EC PRIVATE KEY-----\nMIIhunter2\nhunter2",
                "jwt eyJhunter2hunter2.eyJhunter2.hunter2 end",
            ]
        )
        func patterns(text: String) {
            let cleaned = SecretRemover().clean(text)
            #expect(!cleaned.contains("hunter2"), "\(cleaned)")
            #expect(cleaned.contains(SecretRemover.mark))
        }

        @Test(
            "what is none stays",
            arguments: [
                "https://example.org/a@b", "kubernetes.token_file: /run/token", "a line\n\nand another\n",
                "12:00 process_exec", "cookies are counted: 3", "authorization failed",
                "unix:///run/containerd.sock", "basic facts", "tokens of text", "",
            ]
        )
        func innocent(text: String) { #expect(SecretRemover().clean(text) == text) }

        @Test("values that are known are removed wherever they stand, also as JSON writes them")
        func known() {
            var remover = SecretRemover()
            remover.learn("plain-value")
            remover.learn("plain-value-longer")
            remover.learn("with \"quotes\"\u{1b}")
            remover.learn("abc")
            let text = #"plain-value-longer, plain-value, {"a":"with \"quotes\"\u001b"}, abc"#
            let mark = SecretRemover.mark
            #expect(remover.clean(text) == #"\#(mark), \#(mark), {"a":"\#(mark)"}, abc"#)
        }

        @Test("keys that name a secret are told from those that name its place")
        func keys() {
            for key in [
                "export.otlp.headers", "a.token", "export.s3.secret_access_key", "clickhouse.password", "x.api_key",
                "x.api-key",
                "x.credentials",
            ] {
                #expect(SecretRemover.isSecret(key: key), "\(key)")
            }
            for key in ["kubernetes.token_file", "archive.path", "collectors.file.paths", "node", "aggregation.keys"] {
                #expect(!SecretRemover.isSecret(key: key), "\(key)")
            }
        }

        @Test("a tar archive has whole blocks and two empty ones at its end")
        func tar() {
            var tar = TarWriter(directory: "d", time: 1)
            tar.add("empty", [])
            tar.add("one", [1])
            tar.add("block", [UInt8](repeating: 7, count: 512))
            let bytes = tar.finish()
            #expect(bytes.count == 512 * (1 + 2 + 2 + 2))
            #expect(bytes.suffix(1024).allSatisfy { $0 == 0 })
        }
    }
}
