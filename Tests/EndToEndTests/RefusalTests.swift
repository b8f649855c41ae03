import Glibc
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("What the agent refuses to run with")
    struct RefusalTests {
        private func run(_ config: String) throws -> TapioProgram.Result {
            let place = TemporaryDirectory()
            return try TapioProgram.run([
                "run", "--for", "1s", "--config", config, "--archive", place.file("archive"), "--set",
                "control.socket=\(place.file("socket"))",
            ])
        }

        private func expectOneError(
            _ result: TapioProgram.Result,
            _ code: Int32,
            at place: SourceLocation = #_sourceLocation
        ) {
            #expect(result.exitCode == code, "\(result.errors)", sourceLocation: place)
            #expect(result.errorLines.count == 1, "\(result.errors)", sourceLocation: place)
            #expect(result.errors.hasPrefix("tapio: error: "), "\(result.errors)", sourceLocation: place)
            let hasControls = result.errors.unicodeScalars.contains { $0.value < 32 && $0 != "\n" }
            #expect(!hasControls, "\(result.errors.debugDescription)", sourceLocation: place)
        }

        @Test("a configuration that is missing, binary, cyclic, a directory, or none")
        func configurations() throws {
            let place = TemporaryDirectory()
            expectOneError(try run(place.file("missing.yaml")), 2)
            expectOneError(try run(place.path), 2)
            let cases: [(name: String, bytes: [UInt8])] = [
                ("binary.yaml", (0...255).map { UInt8($0) }),
                ("zeros.yaml", [UInt8](repeating: 0, count: 4096)),
                ("cyclic.yaml", Array("batch: &a\n  max_age: *a\n".utf8)),
                ("bomb.yaml", Array("a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nbatch: *c\n".utf8)),
                ("list.yaml", Array("- batch\n".utf8)),
                ("scalar.yaml", Array("batch\n".utf8)),
            ]
            for (name, bytes) in cases {
                TestFile.write(place.file(name), bytes)
                let result = try run(place.file(name))
                #expect(result.exitCode == 2, "\(name): \(result.errors)")
                #expect(result.errors.contains(name), "\(name): \(result.errors)")
                #expect(!result.errorLines.isEmpty && result.errorLines.count <= 4, "\(name): \(result.errors)")
            }
        }

        @Test("an empty configuration is that of the defaults")
        func empty() throws {
            let place = TemporaryDirectory()
            TestFile.write(place.file("empty.yaml"), "")
            #expect(try run(place.file("empty.yaml")).exitCode == 0)
        }

        @Test("missing privileges: exit code 77 and one line that says what to do")
        func privileges() throws {
            // A copy that anybody may run: the build's folder may be closed to others.
            let place = TemporaryDirectory()
            chmod(place.path, 0o755)
            let copy = place.file("tapio")
            TestFile.write(copy, try #require(TestFile.read(TapioProgram.path)), mode: 0o755)
            let asNobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups", copy, "run", "--for", "1s"]
            let child = try ChildProcess(
                "setpriv",
                asNobody + ["--archive", "/tmp/tapio-nobody"],
                directory: place
            )
            #expect(child.wait(seconds: 60) == .exited(77), "\(child.errors)")
            #expect(child.errors.split(separator: "\n").count == 1, "\(child.errors)")
            #expect(child.errors.contains("CAP_BPF"), "\(child.errors)")
            #expect(access("/tmp/tapio-nobody", F_OK) != 0)
        }
    }
}
