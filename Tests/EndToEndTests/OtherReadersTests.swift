import Glibc
import TapioAgent
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("Other readers of a real archive")
    struct OtherReadersTests {
        private static let root: String = {
            var parts = #filePath.split(separator: "/")
            parts.removeLast(3)
            return "/" + parts.joined(separator: "/")
        }()
        static let python: String =
            (getenv("TAPIO_TEST_VENV").map { String(cString: $0) } ?? root + "/.build-venv") + "/bin/python"
        static let isThere = access(python, X_OK) == 0
        static let isRequired = getenv("CI").map { String(cString: $0) == "true" } ?? false

        /// Counts by kind and some sums, a line each, by the reader that is named.
        private static let script = #"""
            import sys
            reader, root = sys.argv[1:]
            glob = root + '/**/*.parquet'
            columns = ['pid', 'duration_ns', 'args_bytes', 'bytes_sent', 'weight']
            def sql(run, source):
                sums = ', '.join(f'sum({c})' for c in columns)
                return run(f'select kind, count(*), {sums} from {source} group by kind')
            if reader == 'duckdb':
                import duckdb
                rows = sql(lambda q: duckdb.sql(q).fetchall(), f"read_parquet('{glob}')")
            elif reader == 'chdb':
                import chdb
                text = sql(lambda q: str(chdb.query(q, 'TSV')), f"file('{glob}', Parquet)")
                rows = [[None if v == '\\N' else v for v in line.split('\t')] for line in text.splitlines()]
            elif reader == 'polars':
                import polars as pl
                frame = pl.scan_parquet(glob).group_by('kind').agg(pl.len(), *[pl.col(c).sum() for c in columns])
                rows = frame.collect().rows()
            else:
                if reader == 'pyarrow':
                    import pyarrow.dataset
                    frame = pyarrow.dataset.dataset(root, partitioning='hive', exclude_invalid_files=True)
                    frame = frame.to_table(columns=['kind'] + columns).to_pandas()
                else:
                    import pandas
                    frame = pandas.read_parquet(root, columns=['kind'] + columns)
                groups = frame.groupby('kind')
                rows = [[kind, len(group)] + [group[c].sum() for c in columns] for kind, group in groups]
            for row in sorted(rows, key=lambda r: r[0]):
                print(row[0], *[int(float(v or 0)) for v in row[1:]])
            """#

        @Test(
            "count and add up what our own reader does",
            .enabled(if: isThere || isRequired, "no Python environment: run .ci/python-venv, or set TAPIO_TEST_VENV")
        )
        func agree() throws {
            try #require(Self.isThere, "run .ci/python-venv, or set TAPIO_TEST_VENV")
            let agent = try AgentProcess(settings: ["batch.max_age": "500ms"])
            let storm = try Storm(pauseMs: 2)
            #expect(agent.wait { $0.archive.rowsWritten > 1000 })
            agent.signal(SIGUSR1)
            #expect(agent.wait { $0.archive.sealedSegments == 1 && $0.archive.rowsWritten > 1500 })
            _ = storm.stop()
            #expect(agent.stop().ending == .exited(0))

            let numbers = ["pid", "duration_ns", "args_bytes", "bytes_sent"]
            let rows = try ArchiveRows(agent.archive, columns: ["kind", "weight"] + numbers)
            #expect(rows.segmentCount >= 2)
            let ours = Dictionary(grouping: rows.all) { $0.text("kind") ?? "" }.sorted { $0.key < $1.key }.map {
                kind,
                rows in
                let sums = numbers.map { name in "\(rows.reduce(0) { $0 + ($1.int(name) ?? 0) })" }
                let weight = Int(rows.reduce(0) { $0 + ($1.double("weight") ?? 0) })
                return ([kind, "\(rows.count)"] + sums + ["\(weight)"]).joined(separator: " ")
            }.joined(separator: "\n")
            for reader in ["duckdb", "polars", "pyarrow", "pandas", "chdb"] {
                let theirs = try InteractiveProcess.run([Self.python, "-c", Self.script, reader, agent.archive])
                #expect(theirs == ours, "\(reader)")
            }
        }
    }
}
