import TapioArchive
import TapioTestSupport
import Testing

@testable import TapioAgent

@Suite("Tables of names, services and pods")
struct FactTablesTests {
    private let directory = TemporaryDirectory()

    private func tables() -> FactTables {
        FactTables(root: directory.path, node: "n", run: "01234567", createdBy: "tapio version 0", nowUs: { 0 })
    }

    private let rows = [
        FactRow(.dns, from: 1, to: 2, [.text("boot"), .integer(4_026_531_840), .text("10.0.0.1"), .text("a.test")]),
        FactRow(
            .service,
            from: 3,
            to: nil,
            [
                .text("10.0.0.2"), .integer(65_535), .text("udp"), .text("dns"), .text("kube-system"),
                .text("cluster_ip"), .null,
            ]
        ),
        FactRow(
            .pod,
            from: 4,
            to: nil,
            [.text("u"), .text("p"), .text("d"), .null, .text("Pod/p"), .null, .text("10.0.0.3"), .text("Pending")]
        ),
    ]

    /// The file of a table: its schema, and each row's values as text.
    private func read(_ table: FactTable) throws -> (columns: [String], rows: [[String?]]) {
        let place = "\(directory.path)/_dimensions/\(table.rawValue)/node=n"
        let name = try #require(TestFile.list(place).first)
        let bytes = try #require(TestFile.read("\(place)/\(name)"))
        let file = try ParquetFile(bytes: bytes)
        let columns = try file.schema.columns.indices.map { try file.readColumn(group: 0, column: $0, from: bytes) }
        let rows = (0..<file.rowCount).map { row in
            columns.map { data -> String? in
                guard data.isValid(row) else { return nil }
                return switch data.values {
                case .integers(let values): "\(values[row])"
                case .doubles(let values): "\(values[row])"
                case .strings(let values): values.text(Int(values.indices[row]))
                }
            }
        }
        return (file.schema.columns.map { "\($0.name) \($0.type)\($0.isRequired ? " required" : "")" }, rows)
    }

    @Test("each row is in the file of its table, under the columns that readers know")
    func files() async throws {
        let tables = tables()
        #expect(await tables.write(rows) == nil)
        #expect(await tables.write([]) == nil)
        let dns = try read(.dns)
        #expect(
            dns.columns == [
                "valid_from timestampMicros required", "valid_to timestampMicros", "boot_id string required",
                "netns int64 required", "address string required", "name string",
            ]
        )
        #expect(dns.rows == [["1", "2", "boot", "4026531840", "10.0.0.1", "a.test"]])
        let service = try read(.service)
        #expect(
            service.columns == [
                "valid_from timestampMicros required", "valid_to timestampMicros", "address string required",
                "port int32 required", "protocol string required", "service string", "namespace string", "kind string",
                "pod string",
            ]
        )
        #expect(service.rows == [["3", nil, "10.0.0.2", "65535", "udp", "dns", "kube-system", "cluster_ip", nil]])
        let pod = try read(.pod)
        #expect(
            pod.columns == [
                "valid_from timestampMicros required", "valid_to timestampMicros", "pod_uid string required",
                "pod string", "namespace string", "node string", "workload string", "service string",
                "pod_ip string", "phase string",
            ]
        )
        #expect(pod.rows == [["4", nil, "u", "p", "d", nil, "Pod/p", nil, "10.0.0.3", "Pending"]])
        #expect(tables.refused == 0)
    }

    @Test("where nothing can be written it says so once, and writes it all when it can")
    func trouble() async throws {
        TestFile.write(directory.path + "/_dimensions", "in the way")
        let tables = tables()
        let problem = try #require(await tables.write(rows))
        #expect(problem.contains("cannot be kept"))
        #expect(await tables.write([]) == nil)
        TestFile.removeTree(directory.path + "/_dimensions")
        #expect(await tables.write([]) == nil)
        #expect(try read(.dns).rows.count == 1 && read(.service).rows.count == 1 && read(.pod).rows.count == 1)
    }
}
