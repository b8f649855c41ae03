import TapioHTTP
import Testing

@Suite("HTTP: addresses")
struct HTTPAddressTests {
    @Test(
        "what an operator writes is understood",
        arguments: [
            ("127.0.0.1:19464", "127.0.0.1:19464"), ("localhost:80", "127.0.0.1:80"), ("0.0.0.0:0", "0.0.0.0:0"),
            ("[::1]:9464", "[::1]:9464"), ("[::]:65535", "[::]:65535"), ("[0:0::1]:1", "[::1]:1"),
            ("unix:/run/tapio/http.sock", "unix:/run/tapio/http.sock"),
        ]
    )
    func valid(_ text: String, _ meaning: String) throws {
        #expect(try HTTPAddress(text).description == meaning)
    }

    @Test(
        "what is none is refused",
        arguments: [
            "", ":", "9464", ":9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1",
            "127.0.0.1:1 ", "example.com:80", "256.0.0.1:80", "::1:80", "[::1]", "[127.0.0.1]:80", "[localhost]:80",
            "unix:", "unix:relative", "unix:/", "unix:/" + String(repeating: "x", count: 107), "http://127.0.0.1:80",
            "127.0.0.1\0:80",
        ]
    )
    func invalid(_ text: String) {
        #expect(throws: HTTPAddressError.self) { try HTTPAddress(text) }
    }
}
