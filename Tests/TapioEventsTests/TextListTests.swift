import TapioBPF
import TapioEvents
import Testing

@Suite("Lists as one text")
struct TextListTests {
    private func directory(_ list: String) -> String {
        String(decoding: TextList.directory.text(Array(list.utf8)), as: UTF8.self)
    }

    private func ancestor(_ pid: UInt32, _ name: [UInt8]) -> [UInt8] {
        var ancestor = tapio_ancestor()
        ancestor.pid = pid
        ancestor.start_ns = .max
        withUnsafeMutableBytes(of: &ancestor.comm) { $0.copyBytes(from: name) }
        return withUnsafeBytes(of: ancestor) { Array($0) }
    }

    private func ancestry(_ list: [UInt8]) -> String {
        String(decoding: TextList.ancestry.text(list), as: UTF8.self)
    }

    @Test("names on the way up become a path")
    func path() {
        #expect(directory("\0") == "/")
        #expect(directory("bin\0usr\0\0") == "/usr/bin")
    }

    @Test("a path whose begin is missing says so")
    func cutPath() {
        #expect(directory("bin\0usr\0") == "…/usr/bin")
        #expect(directory("") == "…")
    }

    @Test("a list that ends in the midst of a name is still a text")
    func oddPath() {
        #expect(directory("bin\0us") == "…/bin")
        #expect(directory("\0\0\0") == "//")
    }

    @Test("ancestors are named from the parent up")
    func chain() {
        let list = ancestor(812, Array("bash".utf8)) + ancestor(1, Array("systemd".utf8))
        #expect(ancestry(list) == "bash[812] < systemd[1]")
        #expect(ancestry([]).isEmpty)
    }

    @Test("a name cannot pass for a chain")
    func hostileName() {
        #expect(ancestry(ancestor(7, Array("a[1] < b".utf8))) == "'a[1] < b'[7]")
        #expect(ancestry(ancestor(7, Array("x'[1] < 'b".utf8))) == "'x'\\''[1] < '\\''b'[7]")
        #expect(ancestry(ancestor(7, [])) == "''[7]")
    }

    @Test("what is left of a cut list is passed over", arguments: [1, 31, 33])
    func cutChain(count: Int) {
        let list = ancestor(812, Array("bash".utf8)) + ancestor(1, Array("systemd".utf8))
        #expect(ancestry(Array(list.prefix(count))) == (count < 32 ? "" : "bash[812]"))
    }
}
