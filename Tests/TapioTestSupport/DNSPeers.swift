/// A name server and those who ask it, in two network namespaces.
public struct DNSPeers {
    /// The network between them: the server is on the right.
    public let pair: NetworkNamespacePair
    private let server: InteractiveProcess

    /// Starts the server and waits until it listens.
    public init() throws {
        pair = try NetworkNamespacePair()
        server = try InteractiveProcess(
            ["ip", "netns", "exec", pair.right.namespace, "/usr/bin/python3", "-I", "-S", "-c", Self.serverProgram]
        )
        guard server.readLine() == "ready" else { throw ProcessFailure("the name server did not start") }
    }

    /// Asks one question after the other; gives the pid of who asked.
    ///
    /// - Parameters:
    ///   - questions: "udp|tcp ADDRESS TYPE NAME TIMES" each; between them "connect ADDRESS PORT" and "sleep SECONDS".
    ///   - end: Who asks; nil: the left end.
    public func ask(_ questions: [String], from end: NetworkNamespacePair.End? = nil) throws -> Int64 {
        let client = try InteractiveProcess(
            ["ip", "netns", "exec", (end ?? pair.left).namespace, "/usr/bin/python3", "-I", "-S", "-c"]
                + [Self.clientProgram]
                + questions
        )
        while client.readLine() != nil {}
        guard client.wait() == 0 else { throw ProcessFailure("the questions could not be asked") }
        return Int64(client.pid)
    }

    /// Answers by the first label: ok (an alias and two addresses), me (the server's own address, for as many seconds as the second
    /// label says), nx, fail, slow (200 ms later), none (never), junk (bytes that are no message behind its header).
    private static let serverProgram = """
        import os, socket, struct, sys, threading, time
        def name(text): return b"".join(bytes([len(l)]) + l for l in text.encode().split(b".")) + b"\\0"
        def answer(q):
            id, = struct.unpack(">H", q[:2])
            end = 12
            while q[end]: end += q[end] + 1
            question = q[12:end + 5]
            label = q[13:13 + q[12]].lower()
            type, = struct.unpack(">H", q[end + 1:end + 3])
            code = {b"nx": 3, b"fail": 2}.get(label, 0)
            body, count = b"", 0
            if label == b"none": return None
            if label == b"slow": time.sleep(0.2)
            if label == b"junk":
                return struct.pack(">HHHHHH", id, 0x8180, 1, 0xffff, 0, 0) + question + b"\\xc0\\xff" * 100
            if code == 0 and label == b"me":
                seconds = int(q[14 + q[12]:14 + q[12] + q[13 + q[12]]])
                address = socket.inet_aton("10.213.7.2") if type == 1 else socket.inet_pton(socket.AF_INET6, "fd00:213:7::2")
                body, count = struct.pack(">HHHIH", 0xc00c, type, 1, seconds, len(address)) + address, 1
            elif code == 0:
                alias = name("real.test")
                body = b"\\xc0\\x0c" + struct.pack(">HHIH", 5, 1, 300, len(alias)) + alias
                at = 0xc000 | (12 + len(question) + 12)
                for i in (1, 2):
                    data = bytes([10, 9, 8, i]) if type == 1 else bytes(15) + bytes([i])
                    body += struct.pack(">HHHIH", at, type, 1, 60, len(data)) + data
                count = 3
            return struct.pack(">HHHHHH", id, 0x8180 | code, 1, count, 0, 0) + question + body
        def udp(family, address):
            s = socket.socket(family, socket.SOCK_DGRAM)
            s.bind((address, 53))
            return s
        def serve(s):
            while True:
                q, peer = s.recvfrom(4096)
                a = answer(q)
                if a: s.sendto(a, peer)
        def serve_tcp(s):
            while True:
                c, _ = s.accept()
                size, = struct.unpack(">H", c.recv(2))
                a = answer(c.recv(size))
                if a: c.sendall(struct.pack(">H", len(a)) + a)
                c.close()
        t = socket.socket(); t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        t.bind(("0.0.0.0", 53)); t.listen()
        for f, s in ((serve, udp(socket.AF_INET, "0.0.0.0")), (serve, udp(socket.AF_INET6, "fd00:213:7::2")), (serve_tcp, t)):
            threading.Thread(target=f, args=(s,), daemon=True).start()
        print("ready", flush=True)
        sys.stdin.read()
        """

    private static let clientProgram = """
        import socket, struct, sys, time
        def name(text): return b"".join(bytes([len(l)]) + l for l in text.encode().split(b".")) + b"\\0"
        for number, line in enumerate(sys.argv[1:]):
            if line.startswith("connect "):
                word, address, port = line.split()
                socket.create_connection((address, int(port)), timeout=5).close()
                continue
            if line.startswith("sleep "):
                time.sleep(float(line.split()[1]))
                continue
            protocol, address, type, text, times = line.split()
            q = struct.pack(">HHHHHH", 0x1000 + number, 0x0100, 1, 0, 0, 0) + name(text)
            q += struct.pack(">HH", int(type), 1)
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            if protocol == "tcp":
                s = socket.create_connection((address, 53))
                s.sendall(struct.pack(">H", len(q)) + q)
                s.settimeout(1); s.recv(4096)
            else:
                s = socket.socket(family, socket.SOCK_DGRAM)
                for i in range(int(times)): s.sendto(q, (address, 53))
                s.settimeout(0.1 if "none" in text else 5)
                try: s.recv(4096)
                except socket.timeout: pass
            s.close()
        """
}
