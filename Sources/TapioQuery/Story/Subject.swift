import Glibc
import TapioEvents

/// What a story is about, as a person names it.
public enum Subject: Sendable, Hashable {
    /// A process by its number; with a time (UTC microseconds since 1970), the one that had the number then.
    case process(pid: Int64, atUs: Int64?)
    /// A pod by name; both parts may be globs. Nil: of any namespace.
    case pod(namespace: String?, name: String)
    /// A container by the begin of its id.
    case container(String)
    /// An address as the kernel's events write it, with one port of it or with all.
    case address(String, port: Int64?)
    /// All processes and threads of a name.
    case comm(String)

    /// Pids are below this on every Linux machine (PID_MAX_LIMIT).
    static let pidLimit: Int64 = 4_194_304
    /// The fewest characters of a container's id that are taken for one without being told.
    private static let idDigits = 12

    /// Reads `4711`, `4711@14:05`, `default/api-*`, `3f1c09d2ab4e`, `10.0.0.1:443`, `[::1]:53`, `comm=bash`. What is none of
    /// these is a pod of any namespace. `pid=`, `pod=`, `container=`, `addr=` and `comm=` in front decide.
    public init(_ text: String, nowNs: Int64, utcOffset: Int = 0) throws(QueryError) {
        func wrong(_ problem: String) -> QueryError {
            QueryError(problem, in: text, at: 0..<text.unicodeScalars.count)
        }
        guard !text.isEmpty else {
            throw QueryError("whose story? Name a pid, a pod, a container, an address or comm=NAME")
        }
        guard text.utf8.count <= 1024 else { throw QueryError("a subject has at most 1024 bytes") }
        if let equals = text.firstIndex(of: "=") {
            let value = String(text[text.index(after: equals)...])
            guard !value.isEmpty else { throw wrong("nothing after the equals sign") }
            switch text[..<equals] {
            case "pid":
                guard let process = try Self.process(value, nowNs, utcOffset) else {
                    throw wrong("no pid: write pid=4711")
                }
                self = process
            case "pod": self = Self.pod(value)
            case "container":
                guard value.unicodeScalars.allSatisfy(Self.isIDPart) else { throw wrong("no container's id") }
                self = .container(value)
            case "addr":
                guard let address = Self.address(value) else { throw wrong("no address: write addr=10.0.0.1:443") }
                self = address
            case "comm": self = .comm(value)
            default:
                let names = ["pid", "pod", "container", "addr", "comm"]
                throw wrong("no such subject" + NearestName.hint(String(text[..<equals]), in: names))
            }
            return
        }
        if let process = try Self.process(text, nowNs, utcOffset) {
            self = process
        } else if let address = Self.address(text) {
            self = address
        } else if text.utf8.count >= Self.idDigits, text.unicodeScalars.allSatisfy({ $0.properties.isASCIIHexDigit }) {
            self = .container(text.lowercased())
        } else if let problem = Self.problem(text) {
            throw wrong(problem)
        } else {
            self = Self.pod(text)
        }
    }

    /// As a person would name it, safe for a terminal.
    public var text: String {
        switch self {
        case .process(let pid, nil): "process \(pid)"
        case .process(let pid, let at?): "process \(pid) at \(HumanTime.rfc3339(microseconds: at))"
        case .pod(let namespace, let name):
            "pod " + TerminalText.escape((namespace.map { $0 + "/" } ?? "") + name, limit: 200)
        case .container(let id): "container \(TerminalText.escape(id, limit: 80))"
        case .address(let address, nil): "address \(address)"
        case .address(let address, let port?):
            address.contains(":") ? "address [\(address)]:\(port)" : "address \(address):\(port)"
        case .comm(let name): "comm \(TerminalText.escape(name, limit: 80))"
        }
    }

    private static func pod(_ text: String) -> Subject {
        guard let slash = text.firstIndex(of: "/") else { return .pod(namespace: nil, name: text) }
        return .pod(namespace: String(text[..<slash]), name: String(text[text.index(after: slash)...]))
    }

    private static func isIDPart(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII
            && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || "_.-".unicodeScalars.contains(scalar))
    }

    /// Nil where it is no number that a process may have.
    private static func process(_ text: String, _ nowNs: Int64, _ utcOffset: Int) throws(QueryError) -> Subject? {
        let at = text.firstIndex(of: "@")
        let digits = text[..<(at ?? text.endIndex)]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let pid = Int64(digits), pid > 0, pid < pidLimit
        else { return nil }
        guard let at else { return .process(pid: pid, atUs: nil) }
        let time = String(text[text.index(after: at)...])
        return .process(pid: pid, atUs: try TimePoint.parse(time, nowNs: nowNs, utcOffset: utcOffset) / 1000)
    }

    /// `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]`, `[::1]:80`, in the form that events have; nil where it is no address.
    private static func address(_ text: String) -> Subject? {
        if let plain = canonical(text) { return .address(plain, port: nil) }
        var host = text
        var port: Int64?
        if let colon = text.lastIndex(of: ":"), let number = Int64(text[text.index(after: colon)...]),
            text[..<colon].hasSuffix("]") || !text[..<colon].contains(":")
        {
            guard (1...65_535).contains(number) else { return nil }
            host = String(text[..<colon])
            port = number
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        return canonical(host).map { .address($0, port: port) }
    }

    /// Why what looks wholly like a number or an address is neither; nil for all else, which may be a pod's name.
    private static func problem(_ text: String) -> String? {
        func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
        // A pod's name may be of digits and dots, but has neither an at sign nor a colon.
        let orPod = "; a pod of that name is pod=\(text)"
        let number = text[..<(text.firstIndex(of: "@") ?? text.endIndex)]
        if !number.isEmpty, number.utf8.allSatisfy(isDigit) {
            return "no pid: it is 1 to \(pidLimit - 1)" + (number.endIndex == text.endIndex ? orPod : "")
        }
        if text.utf8.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: ".") }) {
            return "no address: write 10.0.0.1 or 10.0.0.1:443" + orPod
        }
        guard let colon = text.lastIndex(of: ":") else {
            return text.hasPrefix("[") ? "no address: write [::1] or [::1]:53" : nil
        }
        let host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed || !host.contains(":"),
            canonical(String(isBracketed ? host.dropFirst().dropLast() : host)) != nil
        {
            return "no such port: it is 1 to 65535"
        }
        let isAddress = text.unicodeScalars.allSatisfy {
            $0.properties.isASCIIHexDigit || ":.".unicodeScalars.contains($0)
        }
        return isAddress || text.hasPrefix("[") ? "no address: write 10.0.0.1:443, ::1 or [::1]:53" : nil
    }

    /// An address as inet_ntop(3) writes it.
    private static func canonical(_ text: String) -> String? {
        for family in [AF_INET, AF_INET6] {
            var bytes = [UInt8](repeating: 0, count: 16)
            guard unsafe inet_pton(family, text, &bytes) == 1 else { continue }
            var buffer = [CChar](repeating: 0, count: 64)
            guard unsafe inet_ntop(family, bytes, &buffer, 64) != nil else { continue }
            return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        return nil
    }
}

extension Subject {
    /// The rows that a filter can tell by themselves: of the subject's own, and those in which it is the other end.
    ///
    /// - Parameter isOwn: Only rows that happened in the subject.
    func filter(isOwn: Bool) -> String {
        switch self {
        case .process(let pid, _):
            let own = "pid = \(pid)"
            if isOwn { return own }
            return
                "(\(own) or target_pid = \(pid) or child_pid = \(pid) or sender_pid = \(pid) or trigger_pid = \(pid))"
        case .pod(let namespace, let name):
            let pod = FilterText.matches("pod", glob: name)
            guard let namespace else { return pod }
            return "(\(pod) and \(FilterText.matches("namespace", glob: namespace)))"
        case .container(let id): return FilterText.begins("container_id", with: id)
        case .address(let address, let port?):
            let remote = "dst_addr = \"\(address)\" and dst_port = \(port)"
            return "((\(remote)) or (src_addr = \"\(address)\" and src_port = \(port)))"
        case .address(let address, nil):
            let ends = "dst_addr = \"\(address)\" or src_addr = \"\(address)\""
            if isOwn { return "(\(ends))" }
            let pattern = FilterText.pattern(address)
            return "(\(ends) or dns_answers ~ '(^|[^0-9a-f.:])\(pattern)([^0-9a-f.:]|$)')"
        case .comm(let name):
            let own = FilterText.equals("comm", name)
            if isOwn { return own }
            return "(\(own) or \(FilterText.equals("target_comm", name)) or \(FilterText.equals("sender_comm", name)))"
        }
    }
}
