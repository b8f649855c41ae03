// swift-tools-version: 6.3;(experimentalCGen)

import PackageDescription

/// Every Swift target is held to the same bar: Swift 6 mode, unsafe code marked, no warning left standing.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]
/// Test targets may call unsafe code without marking each use: attacking it is their purpose.
let strictTests: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]
let strictC: [CSetting] = [.treatAllWarnings(as: .error)]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nio = [
    Target.Dependency.product(name: "NIOCore", package: "swift-nio"),
    Target.Dependency.product(name: "NIOPosix", package: "swift-nio"),
    Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio"),
]
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
    name: "tapio",
    products: [.executable(name: "tapio", targets: ["tapio"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    ],
    targets: [
        // C: system libraries, shims, and the kernel programs with the record header that both sides share.
        .systemLibrary(name: "CLibBPF", pkgConfig: "libbpf", providers: [.apt(["libbpf-dev", "libelf-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .target(name: "CTapioSystem", cSettings: strictC),
        .target(name: "CTapioBench", cSettings: strictC),
        .target(name: "CTapioLibBPF", dependencies: ["CLibBPF"], cSettings: strictC),
        .target(name: "CTapioCurl", dependencies: ["CCurl"], cSettings: strictC),
        .target(
            name: "TapioBPF",
            path: "bpf",
            sources: ["objects.c"],
            publicHeadersPath: "include",
            cSettings: strictC,
            plugins: ["BPFCompiler"]
        ),
        .plugin(name: "BPFCompiler", capability: .buildTool()),

        // Swift: a target imports only what stands above it.
        .target(name: "TapioRings", dependencies: ["CTapioSystem", "CTapioBench"], swiftSettings: strict),
        .target(
            name: "TapioKernel",
            dependencies: ["CLibBPF", "CTapioLibBPF", "CTapioSystem", "TapioBPF", "TapioRings"],
            swiftSettings: strict
        ),
        .target(name: "TapioEvents", dependencies: ["CTapioSystem", "TapioBPF", "TapioRings"], swiftSettings: strict),
        .target(
            name: "TapioCollectors",
            dependencies: ["CTapioSystem", "TapioBPF", "TapioRings", "TapioKernel", "TapioEvents", logging],
            swiftSettings: strict
        ),
        .target(name: "TapioEnrichment", dependencies: ["CTapioSystem", "TapioRings"], swiftSettings: strict),
        .target(
            name: "TapioKubernetes",
            dependencies: ["CCurl", "CTapioCurl", "TapioRings"],
            swiftSettings: strict
        ),
        .target(
            name: "TapioArchive",
            dependencies: ["CZstd", "CTapioSystem", "TapioRings", "TapioEvents"],
            swiftSettings: strict
        ),
        .target(
            name: "TapioExport",
            dependencies: [
                "CCurl", "CZlib", "CZstd", "CTapioCurl", "CTapioSystem", "TapioRings", "TapioEvents", "TapioArchive",
            ],
            swiftSettings: strict
        ),
        .target(
            name: "TapioPipeline",
            dependencies: ["CZstd", "TapioBPF", "TapioRings", "TapioKernel", "TapioEvents", "TapioArchive"],
            swiftSettings: strict
        ),
        .target(name: "TapioQuery", dependencies: ["TapioEvents", "TapioArchive"], swiftSettings: strict),
        .target(
            name: "TapioReport",
            dependencies: ["CTapioSystem", "TapioEvents", "TapioQuery"],
            swiftSettings: strict
        ),
        .target(name: "TapioHTTP", dependencies: nio, swiftSettings: strict),
        .target(
            name: "TapioAgent",
            dependencies: [
                "CTapioSystem", "TapioBPF", "TapioRings", "TapioKernel", "TapioEvents", "TapioCollectors",
                "TapioEnrichment", "TapioKubernetes", "TapioPipeline", "TapioArchive", "TapioExport", "TapioQuery",
                "TapioHTTP", logging, yams,
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "tapio",
            dependencies: [
                "TapioAgent", "TapioPipeline", "TapioQuery", "TapioArchive", "TapioCollectors", "TapioEvents",
                "TapioExport", "TapioKernel", "TapioEnrichment", "TapioReport", "TapioRings", argumentParser, logging,
            ],
            swiftSettings: strict
        ),

        // Tests: a target per target, and the agent as a whole on real kernel events.
        .target(
            name: "TapioTestSupport",
            dependencies: ["CTapioSystem", "TapioKernel", "TapioEvents", "TapioArchive"],
            path: "Tests/TapioTestSupport",
            exclude: ["Export/Servers", "Kubernetes/Recorded", "Kubernetes/Server"],
            swiftSettings: strictTests
        ),
        .testTarget(
            name: "TapioRingsTests",
            dependencies: ["TapioRings", "CTapioSystem"],
            swiftSettings: strictTests
        ),
        .testTarget(
            name: "TapioEnrichmentTests",
            dependencies: ["TapioEnrichment", "TapioRings"],
            swiftSettings: strictTests
        ),
        .testTarget(
            name: "TapioKubernetesTests",
            dependencies: ["TapioKubernetes", "TapioRings", "TapioTestSupport"],
            swiftSettings: strictTests
        ),
        .testTarget(
            name: "TapioHTTPTests",
            dependencies: ["TapioHTTP", "TapioTestSupport"],
            swiftSettings: strictTests
        ),
        .testTarget(
            name: "TapioKernelTests",
            dependencies: ["TapioKernel", "CLibBPF", "TapioBPF", "TapioRings", "TapioTestSupport"],
            swiftSettings: strictTests
        ),
        .testTarget(
            name: "TapioEventsTests",
            dependencies: ["TapioEvents", "TapioBPF", "TapioRings", "TapioTestSupport"],
            swiftSettings: strictTests
        ),
        .testTarget(
            name: "TapioCollectorsTests",
            dependencies: ["TapioCollectors", "TapioEvents", "TapioKernel", "TapioRings", "TapioTestSupport"],
            swiftSettings: strictTests
        ),
        .testTarget(
            name: "TapioArchiveTests",
            dependencies: ["TapioArchive", "TapioEvents", "TapioTestSupport"],
            exclude: ["Interop"],
            swiftSettings: strictTests
        ),
        .testTarget(
            name: "TapioExportTests",
            dependencies: ["TapioExport", "TapioArchive", "TapioTestSupport"],
            swiftSettings: strictTests
        ),
        .testTarget(
            name: "TapioPipelineTests",
            dependencies: [
                "TapioPipeline", "TapioCollectors", "TapioArchive", "TapioEvents", "TapioKernel", "TapioRings",
                "TapioBPF",
                "TapioTestSupport",
            ],
            swiftSettings: strictTests
        ),
        .testTarget(
            name: "TapioQueryTests",
            dependencies: ["TapioQuery", "TapioArchive", "TapioEvents", "TapioTestSupport"],
            swiftSettings: strictTests
        ),
        .testTarget(
            name: "TapioReportTests",
            dependencies: ["TapioReport", "TapioQuery", "TapioArchive", "TapioEvents", "TapioTestSupport"],
            exclude: ["Browser"],
            swiftSettings: strictTests
        ),
        .testTarget(
            name: "TapioAgentTests",
            dependencies: [
                "TapioAgent", "TapioArchive", "TapioBPF", "TapioCollectors", "TapioEnrichment", "TapioEvents",
                "TapioExport", "TapioHTTP", "TapioKernel", "TapioKubernetes", "TapioPipeline", "TapioQuery",
                "TapioRings", "TapioTestSupport", logging,
            ],
            swiftSettings: strictTests
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "tapio", "TapioAgent", "TapioQuery", "TapioArchive", "TapioPipeline", "TapioCollectors", "TapioEvents",
                "TapioHTTP", "TapioKernel", "TapioRings", "TapioBPF", "TapioTestSupport", argumentParser, logging,
            ],
            swiftSettings: strictTests
        ),
    ],
    cLanguageStandard: .gnu2x
)

// Parts of the package, alone: what threads share, whose tests send millions of items and want an optimised build, the
// pipeline, which is built once more for a sanitizer, the collectors, and the client of Kubernetes' API. None need wait
// for the rest.
let rings: Set = [
    "CTapioSystem", "CTapioBench", "TapioRings", "TapioRingsTests", "TapioEnrichment", "TapioEnrichmentTests",
]
let pipeline: Set = [
    "BPFCompiler", "CLibBPF", "CTapioLibBPF", "CTapioSystem", "CTapioBench", "CZstd", "TapioBPF", "TapioRings",
    "TapioKernel",
    "TapioEvents", "TapioCollectors", "TapioArchive", "TapioPipeline", "TapioPipelineTests", "TapioTestSupport",
]
let collectors = rings.union([
    "BPFCompiler", "CLibBPF", "CTapioLibBPF", "TapioBPF", "TapioKernel", "TapioEvents", "TapioCollectors",
    "TapioCollectorsTests", "TapioEventsTests", "CZstd", "TapioArchive", "TapioTestSupport",
])
let kubernetes: Set = [
    "BPFCompiler", "CCurl", "CLibBPF", "CTapioBench", "CTapioCurl", "CTapioLibBPF", "CTapioSystem", "CZstd", "TapioBPF",
    "TapioRings", "TapioKernel", "TapioEvents", "TapioArchive", "TapioKubernetes", "TapioKubernetesTests",
    "TapioTestSupport",
]
let export: Set = [
    "BPFCompiler", "CCurl", "CZlib", "CLibBPF", "CTapioBench", "CTapioCurl", "CTapioLibBPF", "CTapioSystem", "CZstd",
    "TapioBPF",
    "TapioRings", "TapioKernel", "TapioEvents", "TapioArchive", "TapioExport", "TapioExportTests", "TapioTestSupport",
]
let parts = [
    "export": export, "rings": rings, "pipeline": pipeline, "collectors": collectors, "kubernetes": kubernetes,
]
if let part = Context.environment["TAPIO_PACKAGE"] {
    guard let kept = parts[part] else { fatalError("TAPIO_PACKAGE is one of \(parts.keys.sorted())") }
    package.targets.removeAll { !kept.contains($0.name) }
    package.products = []
}
