/// A token in a file that somebody replaces before it expires: kubelet does so every hour.
struct BearerToken: Sendable {
    /// Where it lies.
    let path: String
    /// The most bytes of a token.
    static let longest = 65_536

    /// The token as it is now. It is read for every request: that costs nothing beside one, and no rotation is missed.
    func read() throws(KubernetesError) -> String {
        let bytes: [UInt8]
        do throws(SmallFile.Failure) {
            bytes = try SmallFile.read(path, most: Self.longest)
        } catch {
            throw failure(error.reason)
        }
        let blank: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
        let token = bytes.drop(while: blank).reversed().drop(while: blank).reversed()
        guard !token.isEmpty else { throw failure("it is empty") }
        let text = String(decoding: token, as: UTF8.self)
        guard Self.isPlain(text) else { throw failure("it holds bytes that no token has") }
        return text
    }

    /// Whether a text can be a token: anything else could end the header's line and start another.
    static func isPlain(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    private func failure(_ reason: String) -> KubernetesError {
        KubernetesError(
            action: "read the token",
            place: path,
            reason: reason,
            remedy: "check that the service account's token is mounted there and readable"
        )
    }
}
