import TapioTestSupport
import Testing

@testable import TapioExport

@Suite("Export: AWS credentials")
struct CredentialTests {
    private let directory = TemporaryDirectory()

    private func chain(
        _ environment: [String: String],
        usesInstance: Bool = false,
        nowSeconds: @escaping () -> Int64 = { 1_800_000_000 }
    ) -> AWSCredentialChain {
        AWSCredentialChain(
            environment: environment,
            region: "eu-central-1",
            usesInstance: usesInstance,
            connection: ExportConnection(),
            nowSeconds: nowSeconds
        )
    }

    @Test("the environment comes before a file, and a file's profile is the one that is asked for")
    func order() throws {
        let path = directory.file("credentials")
        TestFile.write(
            path,
            """
            # a comment
            [default]
            aws_access_key_id = one
            aws_secret_access_key=first
            [ two ]
            aws_access_key_id=two
            aws_secret_access_key = second
            aws_session_token = token
            [empty]

            """
        )
        let file = ["AWS_SHARED_CREDENTIALS_FILE": path]
        #expect(try chain(file).current().accessKey == "one")
        let two = try chain(file.merging(["AWS_PROFILE": "two"]) { $1 }).current()
        #expect(two.accessKey == "two" && two.secretKey == "second" && two.sessionToken == "token")
        #expect(!"\(two)".contains("second") && !"\(two)".contains("token"))
        let keys = ["AWS_ACCESS_KEY_ID": "env", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"]
        #expect(try chain(file.merging(keys) { $1 }).current().accessKey == "env")
        for profile in ["empty", "none"] {
            #expect(throws: ExportFailure.self) { try chain(file.merging(["AWS_PROFILE": profile]) { $1 }).current() }
        }
        // A key with a line end would begin another header.
        let broken = ["AWS_ACCESS_KEY_ID": "a\r\nX: y", "AWS_SECRET_ACCESS_KEY": "s"]
        #expect(throws: ExportFailure.self) { try chain(broken).current() }
        #expect(throws: ExportFailure.self) { try chain(["AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"]).current() }
        #expect(throws: ExportFailure.self) { try chain(["HOME": directory.path]).current() }
    }

    @Test("a web identity is exchanged for keys, which are kept until shortly before they expire")
    func webIdentity() throws {
        let server = try ExportServer.s3()
        TestFile.write(directory.file("token"), "a.b.c\n")
        let environment = [
            "AWS_WEB_IDENTITY_TOKEN_FILE": directory.file("token"), "AWS_ENDPOINT_URL_STS": server.url,
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/tapio",
        ]
        var now: Int64 = 0
        let chain = chain(environment) { now }
        let first = try chain.current()
        #expect(first.sessionToken != nil && first.expiresAt ?? 0 > 1_600_000_000)
        #expect(try chain.current() == first)
        #expect(try server.requests().count == 1)
        now = (first.expiresAt ?? 0) - 299
        let second = try chain.current()
        #expect(try server.requests().count == 1)
        try server.fault([
            "mode": "status", "status": 403, "count": 9, "body": "<Error><Code>ExpiredTokenException</Code></Error>",
        ])
        // Those that can't be renewed yet are good until they expire, and no longer.
        #expect(try chain.current() == second)
        #expect(try server.requests().count == 1)
        now = second.expiresAt ?? 0
        #expect(throws: ExportFailure.self) { try chain.current() }
    }

    @Test("a container's endpoint gets its token; the instance is only asked where that is allowed")
    func overHTTP() throws {
        let server = try ExportServer.s3()
        let keys = #"{"AccessKeyId":"k","SecretAccessKey":"s","Token":"t","Expiration":"2030-01-02T03:04:05Z"}"#
        try server.fault(["method": "GET", "contains": "/creds", "mode": "status", "status": 200, "body": keys])
        TestFile.write(directory.file("token"), "pod-token")
        let container = [
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": server.url + "/creds",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": directory.file("token"),
        ]
        let found = try chain(container).current()
        #expect(found.accessKey == "k" && found.sessionToken == "t" && found.expiresAt == 1_893_553_445)
        #expect(try server.requests().map { $0.headers["authorization"] } == ["pod-token"])
        try server.fault(["method": "GET", "contains": "/creds", "mode": "status", "status": 200, "body": "{}"])
        #expect(throws: ExportFailure.self) { try chain(container).current() }
        _ = try server.requests()

        let instance = ["AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url]
        #expect(throws: ExportFailure.self) { try chain(instance).current() }
        #expect(try server.requests() == [])
        try server.fault(["method": "PUT", "contains": "/api/token", "mode": "status", "status": 200, "body": "tok"])
        let path = "/security-credentials/"
        try server.fault(["contains": path + "my%20role", "mode": "status", "status": 200, "body": keys])
        try server.fault(["contains": path, "mode": "status", "status": 200, "body": "my role\n"])
        #expect(try chain(instance, usesInstance: true).current().accessKey == "k")
        #expect(try server.requests().suffix(2).allSatisfy { $0.headers["x-aws-ec2-metadata-token"] == "tok" })
    }
}
