import TapioArchive

/// Puts sealed segments into a bucket, in the archive's own layout, and the dimension tables beside them.
final class S3Target: ExportTarget {
    let place: String
    private let client: S3Client
    private let settings: S3Settings
    /// More parts than S3 allows would be asked for in several pieces.
    private static let mostParts: Int64 = 1000
    private static let contentType = ("Content-Type", "application/vnd.apache.parquet")
    private static let checksumHeader = "x-amz-checksum-sha256"

    init(_ settings: S3Settings, environment: [String: String], connection: ExportConnection) {
        self.settings = settings
        client = S3Client(settings, environment: environment, connection: connection)
        place = client.url + (settings.prefix.isEmpty ? "" : "/\(settings.prefix)")
    }

    func deliver(
        _ segment: SealedSegment,
        after part: ExportPosition.Part?,
        keep: (ExportPosition.Part) -> Void
    ) throws(ExportFailure) -> Delivery {
        let file = try segment.open()
        let bytes = try put(file, key: settings.key(segment.key), after: part) { uploadID, partBytes in
            keep(
                ExportPosition.Part(
                    segment: segment.facts.name.description,
                    key: segment.key,
                    uploadID: uploadID,
                    partBytes: partBytes
                )
            )
        }
        return Delivery(rows: segment.facts.totals.rows, bytes: bytes)
    }

    func abandon(_ part: ExportPosition.Part) {
        abandon(key: settings.key(part.key), uploadID: part.uploadID)
    }

    private func abandon(key: String, uploadID: String) {
        // Where that fails, the bucket's rule for unfinished uploads cleans up.
        _ = try? client.send(
            "abort an upload",
            "DELETE",
            key: key,
            query: [("uploadId", uploadID)],
            accepted: [200, 204, 404]
        )
    }

    func deliverCompanions(root: String, node: String, since sinceNs: Int64?) throws(ExportFailure) -> Int64? {
        let fileSystem = PosixFileSystem()
        // A clock that ran ahead and was set back: all of them again, rather than none for so long.
        let isAhead = (sinceNs ?? .min) > SystemArchiveClock().utcNs()
        let sinceNs = isAhead ? nil : sinceNs
        var latest = sinceNs
        for table in (try? fileSystem.list("\(root)/_dimensions")) ?? [] where table.isDirectory {
            let directory = "_dimensions/\(table.name)/node=\(node)"
            for entry in (try? fileSystem.list("\(root)/\(directory)")) ?? [] where entry.name.hasSuffix(".pq") {
                let path = "\(root)/\(directory)/\(entry.name)"
                // They are replaced by rename: what is opened is whole. One that has gone meanwhile is not missed.
                guard let facts = (try? fileSystem.facts(of: path)) ?? nil, facts.modifiedNs > sinceNs ?? .min,
                    let file = try? fileSystem.open(path)
                else { continue }
                _ = try put(file, key: settings.key("\(directory)/\(entry.name)"), after: nil) { _, _ in }
                latest = max(latest ?? .min, facts.modifiedNs)
            }
        }
        return latest
    }

    // MARK: - Objects

    /// - Returns: The bytes that were sent.
    private func put(
        _ file: any ReadableFile,
        key: String,
        after part: ExportPosition.Part?,
        keep: (_ uploadID: String, _ partBytes: Int64) -> Void
    ) throws(ExportFailure) -> Int64 {
        let size: Int64
        do throws(FileError) {
            size = try file.size()
        } catch {
            throw ExportFailure(.file, "\(error)")
        }
        guard size > settings.partBytes else {
            try putWhole(file, size: size, key: key)
            return size
        }
        if let part, part.partBytes > 0,
            let sent = try resume(file, size: size, key: key, uploadID: part.uploadID, partBytes: part.partBytes)
        {
            return sent
        }
        let partBytes = max(settings.partBytes, (size + Self.mostParts - 1) / Self.mostParts)
        let uploadID = try begin(key: key)
        keep(uploadID, partBytes)
        return try putParts(file, size: size, key: key, uploadID: uploadID, partBytes: partBytes, there: [:])
    }

    private func putWhole(_ file: any ReadableFile, size: Int64, key: String) throws(ExportFailure) {
        let digest = try Digest(of: file, offset: 0, count: size)
        let answer = try client.send(
            "put an object",
            "PUT",
            key: key,
            headers: [Self.contentType, (Self.checksumHeader, digest.base64)],
            body: .file(file, offset: 0, count: size),
            digest: digest
        )
        guard answer.headers["etag"] != nil else {
            throw ExportFailure(
                .answer,
                "put an object at \(client.url)/\(key): the answer names no ETag",
                remedy: "check that the endpoint is that of an S3 store"
            )
        }
        try check(answer.headers[Self.checksumHeader], digest, key)
        // A store that does not say what it has computed is asked at least how much it has.
        if answer.headers[Self.checksumHeader] == nil { try checkSize(size, key: key) }
    }

    private func check(_ said: String?, _ digest: Digest, _ key: String) throws(ExportFailure) {
        guard let said, said != digest.base64 else { return }
        throw ExportFailure(
            .checksum,
            "put an object at \(client.url)/\(key): the store has other bytes than were sent"
        )
    }

    private func checkSize(_ size: Int64, key: String) throws(ExportFailure) {
        let answer = try client.send("look at an object", "HEAD", key: key, accepted: [200, 403, 405])
        // Who may write need not be allowed to look.
        guard answer.status == 200, let length = answer.headers["content-length"].flatMap({ Int64($0) }) else { return }
        guard length == size else {
            throw ExportFailure(
                .checksum,
                "look at an object at \(client.url)/\(key): it has \(length) bytes, and \(size) were sent"
            )
        }
    }

    // MARK: - Objects in parts

    /// A part that the store has.
    private struct StoredPart {
        var tag: String
        var bytes: Int64?
        var checksum: String?
    }

    private func begin(key: String) throws(ExportFailure) -> String {
        let answer = try client.send(
            "begin an upload",
            "POST",
            key: key,
            query: [("uploads", "")],
            headers: [Self.contentType, ("x-amz-checksum-algorithm", "SHA256")],
            body: .bytes([])
        )
        guard let uploadID = XMLText(answer.body).first("UploadId"), !uploadID.isEmpty, uploadID.utf8.count <= 2048
        else {
            throw ExportFailure(
                .answer,
                "begin an upload at \(client.url)/\(key): the answer names no upload",
                remedy: "check that the endpoint is that of an S3 store"
            )
        }
        return uploadID
    }

    /// Goes on with an upload; nil where the store does not know it any more.
    private func resume(
        _ file: any ReadableFile,
        size: Int64,
        key: String,
        uploadID: String,
        partBytes: Int64
    ) throws(ExportFailure) -> Int64? {
        let answer = try client.send(
            "list an upload's parts",
            "GET",
            key: key,
            query: [("uploadId", uploadID)],
            accepted: [200, 400, 403, 404]
        )
        if answer.status == 400 || answer.status == 403 {
            // Who may not look can begin anew: the keys themselves are put to the test by that.
            abandon(key: key, uploadID: uploadID)
            return nil
        }
        if answer.status == 404 {
            guard XMLText(answer.body).first("Code") == "NoSuchUpload" else {
                throw answer.failure("list an upload's parts", at: "\(client.url)/\(key)")
            }
            return nil
        }
        let list = XMLText(answer.body)
        // Stores call the whole by different names.
        guard list.first("UploadId") == uploadID else {
            throw ExportFailure(.answer, "list an upload's parts at \(client.url)/\(key): the answer is no list")
        }
        var there: [Int64: StoredPart] = [:]
        for part in list.elements("Part") {
            guard let number = part.first("PartNumber").flatMap({ Int64($0) }), let tag = part.first("ETag") else {
                continue
            }
            there[number] = StoredPart(
                tag: tag,
                bytes: part.first("Size").flatMap { Int64($0) },
                checksum: part.first("ChecksumSHA256")
            )
        }
        return try putParts(file, size: size, key: key, uploadID: uploadID, partBytes: partBytes, there: there)
    }

    /// Puts the parts that are not there yet, and makes them one.
    private func putParts(
        _ file: any ReadableFile,
        size: Int64,
        key: String,
        uploadID: String,
        partBytes: Int64,
        there: [Int64: StoredPart]
    ) throws(ExportFailure) -> Int64 {
        var sent: Int64 = 0
        var isChecked = true
        var list = ""
        var number: Int64 = 1
        for offset in stride(from: 0, to: size, by: Int64.Stride(partBytes)) {
            let count = min(partBytes, size - offset)
            let digest = try Digest(of: file, offset: offset, count: count)
            let tag: String
            // A part of another length, or with other bytes, is put again: the later one counts.
            if let stored = there[number], stored.bytes == count, stored.checksum ?? digest.base64 == digest.base64 {
                tag = stored.tag
            } else {
                let answer = try client.send(
                    "put a part of an object",
                    "PUT",
                    key: key,
                    query: [("partNumber", "\(number)"), ("uploadId", uploadID)],
                    headers: [(Self.checksumHeader, digest.base64)],
                    body: .file(file, offset: offset, count: count),
                    digest: digest
                )
                guard let given = answer.headers["etag"] else {
                    throw ExportFailure(.answer, "put a part at \(client.url)/\(key): the answer names no ETag")
                }
                try check(answer.headers[Self.checksumHeader], digest, key)
                isChecked = isChecked && answer.headers[Self.checksumHeader] != nil
                tag = given
                sent += count
            }
            list += "<Part><PartNumber>\(number)</PartNumber><ETag>\(XMLText.escaped(tag))</ETag>"
            list += "<ChecksumSHA256>\(digest.base64)</ChecksumSHA256></Part>"
            number += 1
        }
        try complete("<CompleteMultipartUpload>\(list)</CompleteMultipartUpload>", key: key, uploadID: uploadID)
        // A store that does not say what it has computed is asked at least how much it has.
        if !isChecked { try checkSize(size, key: key) }
        return sent
    }

    private func complete(_ text: String, key: String, uploadID: String) throws(ExportFailure) {
        let body = Array(text.utf8)
        let what = "complete an upload"
        let answer = try client.send(
            what,
            "POST",
            key: key,
            query: [("uploadId", uploadID)],
            headers: [("Content-Type", "application/xml")],
            body: .bytes(body),
            digest: Digest(body)
        )
        // S3 sends the head before it knows how it ends.
        let xml = XMLText(answer.body)
        guard xml.elements("CompleteMultipartUploadResult", most: 1).count == 1 else {
            let code = xml.first("Code") ?? "the answer is no result"
            throw ExportFailure(.server, "\(what) at \(client.url)/\(key): \(code)", remedy: "it is tried again")
        }
    }
}
