/// An authority, and what it signed: a server's certificate for 127.0.0.1 and a client's, made by openssl(1).
public final class TestCertificates {
    private let place = TemporaryDirectory()

    /// Makes them anew.
    public init() throws {
        let script = """
            set -e; cd "$0"
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 2 \
                -subj /CN=test-ca 2>/dev/null
            for name in server client; do
                openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout $name.key -out $name.csr \
                    -subj /CN=$name 2>/dev/null
                printf 'subjectAltName=IP:127.0.0.1\n' > $name.ext
                openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile $name.ext \
                    -out $name.crt 2>/dev/null
            done
            cat server.crt server.key > server.pem
            """
        let child = try ChildProcess("/bin/sh", ["-c", script, place.path], directory: place)
        guard child.wait() == .exited(0) else { throw ProcessFailure("no certificates: \(child.errors)") }
    }

    /// Where they are: ca.pem, server.pem, client.crt, client.key.
    public var folder: String { place.path }
    /// The authority's certificate.
    public var authority: String { place.file("ca.pem") }
    /// The client's certificate.
    public var client: String { place.file("client.crt") }
    /// Its key.
    public var clientKey: String { place.file("client.key") }
}
