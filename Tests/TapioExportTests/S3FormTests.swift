import Testing

@testable import TapioExport

@Suite("Export: S3's forms")
struct S3FormTests {
    @Test("digests are those of FIPS 180-4's examples")
    func digests() {
        #expect(
            Digest(Array("abc".utf8)).hexadecimal
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
        #expect(Digest([]).hexadecimal == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        let long = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
        #expect(
            Digest(Array(long.utf8)).hexadecimal == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        )
        #expect(Digest([]).base64 == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
        #expect(
            ["", "f", "fo", "foo", "foob"].map { Base64.encode(Array($0.utf8)) } == [
                "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==",
            ]
        )
    }

    @Test("texts are found in answers, and nothing in what is no answer")
    func xml() {
        let text = """
            <?xml version="1.0"?><ListPartsResult xmlns="http://s3/"><PartNumberMarker>0</PartNumberMarker>\
            <Part><PartNumber>1</PartNumber><ETag>&quot;a&amp;b&quot;</ETag></Part><Part><PartNumber>2</PartNumber>\
            <ETag>x</ETag></Part></ListPartsResult>
            """
        let xml = XMLText(Array(text.utf8))
        #expect(xml.elements("Part").map { $0.first("PartNumber") } == ["1", "2"])
        #expect(xml.elements("Part").map { $0.first("ETag") } == ["\"a&b\"", "x"])
        #expect(xml.elements("ListPartsResult").count == 1)
        for nonsense in ["", "<", "<Part", "<Part>", "</Part><Part>", "<Parts>1</Parts>", "\u{FFFD}<Part"] {
            #expect(XMLText(nonsense).first("Part") == nil)
        }
        #expect(XMLText.escaped("a<b>&\"c\"") == "a&lt;b&gt;&amp;&quot;c&quot;")
    }

    @Test("a bucket's URL is that of its store, region and addressing")
    func urls() {
        var settings = S3Settings(bucket: "events")
        #expect(settings.url(region: "eu-west-1") == "https://events.s3.eu-west-1.amazonaws.com")
        #expect(settings.url(region: "cn-north-1") == "https://events.s3.cn-north-1.amazonaws.com.cn")
        settings.addressing = .path
        #expect(settings.url(region: "eu-west-1") == "https://s3.eu-west-1.amazonaws.com/events")
        settings.addressing = .auto
        settings.endpoint = "http://minio:9000/"
        #expect(settings.url(region: "x") == "http://minio:9000/events")
        settings.addressing = .host
        #expect(settings.url(region: "x") == "http://events.minio:9000")
        settings.bucket = "with.dots"
        #expect(settings.url(region: "x") == "http://minio:9000/with.dots")
        #expect(S3Settings(bucket: "b").region(["AWS_REGION": "", "AWS_DEFAULT_REGION": "r"]) == "r")
        #expect(S3Settings(bucket: "b").region([:]) == "us-east-1")
    }

    @Test("what cannot be right is said before anybody is asked")
    func flaws() {
        #expect(S3Settings(bucket: "events").flaws.isEmpty)
        for bucket in ["", "ab", "a/b", "a?b", "ünicode"] { #expect(S3Settings(bucket: bucket).flaws.count == 1) }
        var settings = S3Settings(bucket: "events")
        settings.endpoint = "minio:9000"
        settings.prefix = "/a"
        #expect(settings.flaws.map(\.part) == ["endpoint", "prefix"])
        var clickHouse = ClickHouseSettings(url: "https://user@host")
        clickHouse.table = "a; DROP TABLE b"
        clickHouse.passwordFile = "/a"
        clickHouse.passwordVariable = "B"
        #expect(clickHouse.flaws.map(\.part) == ["url", "table", "password_file"])
    }
}
