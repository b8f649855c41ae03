import Foundation
import TapioTestSupport
import Testing

@testable import TapioExport

@Suite("Export: the forms of OTLP")
struct OTLPFormTests {
    @Test("numbers, texts and messages are laid out as Protocol Buffers want it, and read back")
    func protobuf() {
        var writer = ProtobufWriter()
        writer.field(1, varint: 300)
        writer.field(16, text: "ab")
        writer.field(2, fixed64: 0x0102_0304_0506_0708)
        writer.field(3) { $0.field(1, varint: 0) }
        writer.field(4, packed: [1])
        let expected: [UInt8] =
            [0x08, 0xAC, 0x02, 0x82, 0x01, 2, 0x61, 0x62, 0x11, 8, 7, 6, 5, 4, 3, 2, 1, 0x1A, 2, 0x08, 0]
            + [0x22, 8, 1, 0, 0, 0, 0, 0, 0, 0]
        #expect(writer.bytes == expected)
        for value: UInt64 in [0, 1, 127, 128, 16_383, 16_384, 1 << 62, 1 << 63, .max] {
            var writer = ProtobufWriter()
            writer.varint(value)
            #expect(writer.bytes.count == ProtobufWriter.length(ofVarint: value), "\(value)")
        }
        let fields = ProtobufReader.fields(expected)
        #expect(fields?.keys.sorted() == [1, 2, 3, 4, 16])
        // Every message that is cut short is none, but where a field ends.
        for count in 0..<expected.count where ![0, 3, 8, 17, 21].contains(count) {
            #expect(ProtobufReader.fields(Array(expected.prefix(count))) == nil, "\(count)")
        }
        #expect(ProtobufReader.fields(Array(repeating: 0xFF, count: 100)) == nil)
        #expect(ProtobufReader.fields([0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]) == nil)
    }

    @Test("answers: what is rejected, in protobuf and in JSON; what is no answer of a receiver")
    func answers() {
        func rejected(_ text: String, _ type: String) -> UInt64? {
            OTLPClient.partialSuccess(Array(text.utf8), type)?.0
        }
        #expect(rejected("", "application/x-protobuf") == 0)
        #expect(rejected("\n\u{2}\u{8}\u{5}", "application/x-protobuf") == 5)
        #expect(rejected("{}", "application/json") == 0)
        #expect(rejected(#"{"partialSuccess":{"rejectedLogRecords":"7"}}"#, "application/json; charset=utf-8") == 7)
        #expect(rejected(#"{"partialSuccess":{"rejectedDataPoints":8,"errorMessage":"x"}}"#, "application/json") == 8)
        #expect(rejected("<html>", "text/html") == nil && rejected("hello", "") == nil)
        #expect(rejected("hello", "application/json") == nil)
    }

    @Test("times are those of the calendar, before 1970 too")
    func times() {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(secondsFromGMT: 0)
        formatter.calendar = Calendar(identifier: .iso8601)
        formatter.dateFormat = "yyyy-MM-dd'T'HH:mm:ss"
        var seconds: Int64 = -2_200_000_000
        while seconds < 8_000_000_000 {
            let text = String(decoding: UTCText.bytes(micros: seconds * 1_000_000 + 7), as: UTF8.self)
            let date = formatter.string(from: Date(timeIntervalSince1970: Double(seconds)))
            #expect(text == date + ".000007Z")
            seconds += 8_640_013
        }
        // Whatever stands in a file, it is a text.
        for micros in [Int64.min, .max, 253_402_300_800_000_000] {
            #expect(UTCText.bytes(micros: micros).last == UInt8(ascii: "Z"))
        }
    }

    @Test("headers: lines and pairs; what cannot be one is named without its value")
    func headers() throws {
        let place = TemporaryDirectory()
        var settings = OTLPSettings(endpoint: "http://x")
        settings.headersFile = place.file("h")
        func flaw(_ text: String) -> String? {
            TestFile.write(place.file("h"), text)
            return settings.headerFlaw(nil)?.message
        }
        #expect(flaw("a: b") == nil && flaw("# c\n\nA-1: b: c\r\n") == nil)
        for (text, part) in [
            ("", "no header"), ("secret", "header 1 has no valid name"), ("a b: secret", "no valid name"),
            ("a:", "a has no value"), ("a: se\u{7}cret", "control character"),
            ("Content-Length: 1", "set by the exporter"),
            (String(repeating: "a: secret\n", count: 65), "more than 64"),
        ] {
            let found = flaw(text)
            #expect(found?.contains(part) == true && found?.contains("secret") == false, "\(text): \(found ?? "nil")")
        }
        settings.headersFile = place.file("missing")
        #expect(settings.headerFlaw(nil)?.message.contains("cannot be read") == true)
        settings.headersFile = nil
        settings.headersVariable = "H"
        #expect(settings.headerFlaw(nil) == nil)
        #expect(try OTLPHeaders.read(settings, ["H": "a=b%20c, d=e=f"]).map { "\($0):\($1)" } == ["a:b c", "d:e=f"])
        for text in ["", "secret", "a=%secret", "a=%0d%0asecret", "=secret"] {
            let found = settings.headerFlaw(["H": text])
            #expect(found?.part == "headers_env" && found?.message.contains("secret") == false, "\(text)")
        }
    }

    @Test("what cannot work is told by its key, and never with a password in a URL")
    func flaws() {
        func parts(_ change: (inout OTLPSettings) -> Void) -> [String] {
            var settings = OTLPSettings(endpoint: "https://otel:4318/base")
            change(&settings)
            return settings.flaws.map(\.part)
        }
        #expect(parts { _ in } == [])
        #expect(parts { $0.endpoint = "otel:4318" } == ["endpoint"])
        #expect(parts { $0.endpoint += "/v1/logs/" } == ["endpoint"])
        #expect(parts { ($0.headersFile, $0.headersVariable) = ("a", "b") } == ["headers_file"])
        #expect(parts { $0.clientKey = "a" } == ["client_key"])
        #expect(parts { $0.clientCertificate = "a" } == ["client_cert"])
        #expect(parts { ($0.sendsLogs, $0.metricsIntervalNs) = (false, nil) } == ["logs"])
        #expect(parts { ($0.sendsLogs, $0.metricsIntervalNs) = (false, 1) } == [])
        for url in [
            "https://user:geheim@host/", "http://geheim@host", "user:geheim@host", "https://host/?token=geheim",
            "https://host#geheim", "https://a:geh@eim@host", "ftp://u:geheim@h",
        ] {
            var s3 = S3Settings(bucket: "events")
            s3.endpoint = url
            let flaws =
                s3.flaws.map(\.message) + ClickHouseSettings(url: url).flaws.map(\.message)
                + OTLPSettings(endpoint: url).flaws.map(\.message)
            #expect(flaws.count == 3 && flaws.allSatisfy { !$0.contains("geh") && !$0.contains("eim") }, "\(flaws)")
        }
    }

    @Test("what a receiver says again of a token is hidden")
    func hidden() {
        let secrets = ["Bearer abcdefgh", "short"]
        #expect(OTLPClient.hide(secrets, in: "got Bearer abcdefgh") == "got …")
        #expect(OTLPClient.hide(secrets, in: "abcdefgh, abcdefgh!") == "…, …!")
        #expect(OTLPClient.hide(secrets, in: "short") == "short" && OTLPClient.hide([], in: "x") == "x")
    }

    @Test("the conventions have every name that is not ours")
    func conventions() throws {
        let place = TemporaryDirectory()
        let script = """
            import json, re, pathlib, opentelemetry.semconv as s
            names = set()
            for folder in s.__path__:
                for file in pathlib.Path(folder).rglob('*_attributes.py'):
                    names |= set(re.findall(r'^[A-Z0-9_]+: Final = "([a-z0-9_.]+)"', file.read_text(), re.M))
            print(json.dumps(sorted(names)))
            """
        let child = try ChildProcess(ExportServer.python, ["-W", "ignore", "-c", script], directory: place)
        #expect(child.wait() == .exited(0), "\(child.errors)")
        let known = Set(try JSONDecoder().decode([String].self, from: Data(child.output.utf8)))
        let resource = [
            "service.name", "service.version", "service.instance.id", "host.name", "k8s.node.name", "network.transport",
        ]
        for name in Array(OTLPAttributes.conventions.values) + resource { #expect(known.contains(name), "\(name)") }
        #expect(Set(OTLPAttributes.conventions.values).count == OTLPAttributes.conventions.count)
    }
}
