import Glibc
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

extension RealKernel {
    @Suite("Files")
    struct FileCollectorTests {
        private let directory = TemporaryDirectory()

        private func watch(_ paths: [String], writes: [String] = []) async throws -> CollectorWatch {
            var options = CollectorOptions()
            options.set(FileCollector.paths, paths)
            options.set(FileCollector.writePaths, writes)
            return try await CollectorWatch(FileCollector.descriptor, options: options)
        }

        /// Runs a Python script as a user; gives its pid.
        private func python(_ script: String, in place: String? = nil) -> Int64 {
            let change = place.map { "os.chdir('\($0)')" } ?? ""
            let child = SpawnedProcess(
                "/usr/bin/python3",
                ["python3", "-I", "-S", "-c", "import os\n\(change)\n\(script)"]
            )
            #expect(child.wait() == .exited(0))
            return Int64(child.pid)
        }

        private func inode(_ path: String) -> Int64 {
            var status = stat()
            return stat(path, &status) == 0 ? Int64(status.st_ino) : -1
        }

        @Test("opened by its path, a relative one, a link, in another mount namespace: it is the same file")
        func opened() async throws {
            let secrets = directory.file("secrets")
            #expect(mkdir(secrets, 0o755) == 0 && mkdir(secrets + "/deep", 0o755) == 0)
            TestFile.write(secrets + "/deep/token", "t")
            #expect(symlink(secrets + "/deep/token", directory.file("link")) == 0)
            let watch = try await watch([secrets])
            let token = secrets + "/deep/token"
            let pid = python(
                """
                os.close(os.open("\(token)", os.O_RDONLY))
                os.close(os.open("deep/token", os.O_WRONLY | os.O_APPEND))
                os.close(os.open("\(directory.file("link"))", os.O_RDWR))
                os.close(os.open("deep/new", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_TRUNC, 0o600))
                try: os.open("\(secrets)/none", os.O_RDONLY)
                except FileNotFoundError: pass
                try: os.open("deep/none", os.O_RDONLY)
                except FileNotFoundError: pass
                os.close(os.open("/dev/null", os.O_RDONLY))
                """,
                in: secrets
            )
            let opens = watch.events(6) { $0.string("kind") == "file_open" && $0.number("pid") == pid }
            try #require(opens.count == 6)
            let new = secrets + "/deep/new"
            #expect(
                opens.map { $0.string("file_path") } == [
                    token, token, token, new, secrets + "/none", secrets + "/deep/none",
                ]
            )
            #expect(opens.map { $0.string("file_access") } == ["read", "write", "read_write", "write", "read", "read"])
            #expect(opens[..<3].allSatisfy { $0.number("file_inode") == inode(token) })
            #expect(opens[3].number("file_inode") == inode(new))
            #expect(opens[1].string("open_flags") == "append" && opens[0]["open_flags"] == .null)
            #expect(opens[3].string("open_flags") == "create,exclusive,truncate")
            #expect(opens[3]["errno"] == .null && opens[3]["error"] == .null)
            #expect(opens[4].string("error") == "ENOENT" && opens[4]["file_inode"] == .null)
            #expect(opens[5].number("errno") == Int64(ENOENT))
            #expect(opens.allSatisfy { $0.string("comm") == "python3" && $0.string("file_operation") == "open" })

            // Bound to another place in another mount namespace, as a container has it.
            let mount = directory.file("mounted")
            #expect(mkdir(mount, 0o755) == 0)
            let inside = SpawnedProcess(
                "/usr/bin/unshare",
                ["unshare", "-m", "sh", "-c", "mount --bind \(secrets)/deep \(mount) && exec cat \(mount)/token"]
            )
            #expect(inside.wait() == .exited(0))
            let opened = watch.events { $0.string("kind") == "file_open" && $0.string("comm") == "cat" }
            #expect(opened.map { $0.string("file_path") } == [token])
            await watch.collector.stop()
        }

        @Test("a single file: others beside it are not told of; it stays watched when another takes its place")
        func singleFile() async throws {
            let file = directory.file("shadow")
            TestFile.write(file, "a")
            TestFile.write(directory.file("other"), "b")
            let watch = try await watch([file])
            let pid = python(
                """
                os.close(os.open("\(directory.file("other"))", os.O_RDONLY))
                os.close(os.open("other", os.O_RDONLY))
                os.rename("other", "shadow")
                os.close(os.open("shadow", os.O_RDONLY))
                os.unlink("\(file)")
                """,
                in: directory.path
            )
            let isMine = { (event: DecodedEvent) in event.number("pid") == pid }
            let unlinked = try watch.event("file_unlink", where: isMine)
            #expect(unlinked.string("file_path") == file && unlinked.string("file_operation") == "unlink")
            #expect(unlinked.string("priority") == "high")
            let renamed = try watch.event("file_rename", where: isMine)
            #expect(renamed.string("new_path") == file && renamed.string("file_path") == "other")
            let opened = try watch.event("file_open", where: isMine)
            #expect(opened.string("file_path") == file)
            await watch.collector.stop()
        }

        @Test("modes and owners, by path and by descriptor; removing a directory; what is refused")
        func changes() async throws {
            let place = directory.file("place")
            #expect(mkdir(place, 0o755) == 0 && mkdir(place + "/empty", 0o755) == 0)
            TestFile.write(place + "/file", "a")
            let watch = try await watch([place])
            let pid = python(
                """
                os.chmod("file", 0o640)
                f = os.open("file", os.O_RDONLY)
                os.fchmod(f, 0o600)
                os.fchown(f, 1, 2)
                os.lchown("\(place)/file", -1, 3)
                os.rmdir("empty")
                os.setuid(1234)
                try: os.unlink("\(place)/file")
                except PermissionError: pass
                """,
                in: place
            )
            let isMine = { (event: DecodedEvent) in event.number("pid") == pid }
            let changes = watch.events(4) { $0.string("kind") == "file_chmod" && isMine($0) }
            try #require(changes.count == 4)
            #expect(changes.allSatisfy { $0.string("file_path") == place + "/file" && $0["errno"] == .null })
            #expect(changes.map { $0.string("file_operation") } == ["chmod", "chmod", "chown", "chown"])
            #expect(changes.map { $0.number("file_mode") } == [0o640, 0o600, nil, nil])
            #expect(changes.map { $0.number("file_owner") } == [nil, nil, 1, nil])
            #expect(changes.map { $0.number("file_group") } == [nil, nil, 2, 3])
            let removed = watch.events(2) { $0.string("kind") == "file_unlink" && isMine($0) }
            #expect(removed.map { $0.string("file_path") } == [place + "/empty", place + "/file"])
            #expect(removed.map { $0.string("error") } == [nil, "EACCES"])
            #expect(removed.last?.number("uid") == 1234)
            await watch.collector.stop()
        }

        @Test("of what is watched for changes only, reading is filtered")
        func writes() async throws {
            let file = directory.file("passwd")
            TestFile.write(file, "a")
            let watch = try await watch([], writes: [file])
            let pid = python(
                """
                os.close(os.open("\(file)", os.O_RDONLY))
                os.close(os.open("\(file)", os.O_WRONLY))
                """
            )
            let opened = try watch.event("file_open") { $0.number("pid") == pid }
            #expect(opened.string("file_access") == "write")
            #expect(try watch.counts("file_open").filtered >= 1)
            await watch.collector.stop()
        }

        @Test(
            "patterns stand for what is there, also for what comes later; other options take their place while it runs"
        )
        func patterns() async throws {
            for pod in ["a", "b"] {
                #expect(mkdir(directory.file(pod), 0o755) == 0)
                TestFile.write(directory.file("\(pod)/secret"), pod)
            }
            let watch = try await watch([directory.path + "/*/secret"])
            func read(_ name: String) -> Int64 { python("os.close(os.open('\(directory.file(name))', os.O_RDONLY))") }
            let first = read("b/secret")
            #expect(watch.events { $0.number("pid") == first }.first?.string("file_path") == directory.file("b/secret"))
            var options = CollectorOptions()
            options.set(FileCollector.paths, [directory.path + "/a"])
            options.set(FileCollector.writePaths, [])
            try await watch.collector.reconfigure(options)
            let (second, third) = (read("b/secret"), read("a/secret"))
            #expect(watch.events { $0.number("pid") == third }.count == 1)
            #expect(!watch.events.contains { $0.number("pid") == second })
            #expect(try await watch.collector.health().problems == [])
            await watch.collector.stop()
        }

        @Test("a path of any bytes and length is told up to its bound, and crashes nothing")
        func hostile() async throws {
            let watch = try await watch([directory.path])
            let name = String(repeating: "n", count: 200) + "\u{1b}[31m"
            let pid = python(
                """
                p = "\(directory.path)"
                for i in range(3):
                    p += "/\(name)"
                    os.mkdir(p)
                os.chdir(p)
                os.close(os.open("file", os.O_WRONLY | os.O_CREAT))
                os.close(os.open("./" * 2000 + "file", os.O_RDONLY))
                for i in range(3):
                    os.unlink("file") if i == 0 else None
                    os.chdir("..")
                """
            )
            let opened = watch.events(2) { $0.string("kind") == "file_open" && $0.number("pid") == pid }
            let full = directory.path + String(repeating: "/" + name, count: 3) + "/file"
            #expect(opened.map { $0.string("file_path") } == [full, full])
            await watch.collector.stop()
            _ = python("import shutil\nshutil.rmtree('\(directory.path)')")
        }
    }
}
