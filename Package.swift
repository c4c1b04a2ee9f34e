// swift-tools-version:6.2
import CompilerPluginSupport
import PackageDescription

/// One list for every target, so that no target drifts: Swift 6 mode comes from the tools version.
let settings: [SwiftSetting] =
    [
        .treatAllWarnings(as: .error),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ] + (builtMacros.map { [.unsafeFlags(["-load-plugin-executable", "\($0)#RookeryMacros"])] } ?? [])

/// The macros' program of another build. ./dev gives it to optimised builds, because to compile swift-syntax with
/// optimisation takes minutes, and the macros expand to the same code without it.
var builtMacros: String? { Context.environment["BUILT_ROOKERY_MACROS"] }

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioHTTPTypesHTTP1 = Target.Dependency.product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let jwt = Target.Dependency.product(name: "JWTKit", package: "jwt-kit")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let sqlite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let asn1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")
let metrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let metricsTestKit = Target.Dependency.product(name: "MetricsTestKit", package: "swift-metrics")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let tracing = Target.Dependency.product(name: "Tracing", package: "swift-distributed-tracing")
let inMemoryTracing = Target.Dependency.product(name: "InMemoryTracing", package: "swift-distributed-tracing")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let asyncAlgorithms = Target.Dependency.product(name: "AsyncAlgorithms", package: "swift-async-algorithms")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let orderedCollections = Target.Dependency.product(name: "OrderedCollections", package: "swift-collections")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")

let package = Package(
    name: "rookery",
    platforms: [.macOS(.v26)],
    products: [
        .library(name: "Rookery", targets: ["Rookery"]),
        .library(name: "RookeryTesting", targets: ["RookeryTesting"]),
        .executable(name: "rookery", targets: ["RookeryCommand"]),
        .executable(name: "petpro", targets: ["PetProCommand"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/apple/swift-certificates", exact: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-async-algorithms", from: "1.1.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swiftlang/swift-syntax", from: "603.0.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        // MARK: Rookery, from the inside out: an import only ever points up this list.
        .systemLibrary(
            name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(
            name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
        .target(name: "RookeryWire", dependencies: [nioCore, "CZlib"], swiftSettings: settings),
        .target(
            name: "RookeryCore", dependencies: ["RookeryWire", nioCore, logging, crypto, metrics, tracing, deque],
            swiftSettings: settings),
        // The macros are a library of their own because a test that depended on the plugin would have everything built
        // a second time, for the build's own machine.
        .target(
            name: "RookeryMacroExpansion",
            dependencies: [
                .product(name: "SwiftSyntax", package: "swift-syntax"),
                .product(name: "SwiftSyntaxBuilder", package: "swift-syntax"),
                .product(name: "SwiftSyntaxMacros", package: "swift-syntax"),
                .product(name: "SwiftDiagnostics", package: "swift-syntax"),
                .product(name: "SwiftParser", package: "swift-syntax"),
            ],
            swiftSettings: settings
        ),
        .macro(
            name: "RookeryMacros",
            dependencies: [
                "RookeryMacroExpansion",
                .product(name: "SwiftSyntax", package: "swift-syntax"),
                .product(name: "SwiftSyntaxMacros", package: "swift-syntax"),
                .product(name: "SwiftCompilerPlugin", package: "swift-syntax"),
            ],
            swiftSettings: settings
        ),
        // Policies are values: no Foundation, logging, files or sockets.
        .target(
            name: "RookeryPolicies", dependencies: ["RookeryCore", "RookeryWire", nioCore], swiftSettings: settings),
        .target(
            name: "RookeryCalls",
            dependencies: [
                "RookeryPolicies", "RookeryCore", "RookeryWire", nioCore, nioPosix, logging, metrics, configuration,
                tracing, deque,
            ],
            swiftSettings: settings),
        .target(
            name: "RookeryTCP",
            dependencies: [
                "RookeryCore", "RookeryWire", "RookeryCalls", "RookeryPolicies", nioCore, nioPosix, nioTLS, nioSSL,
                x509, crypto, asn1, logging, lifecycle, metrics, configuration, tracing, deque,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "Rookery",
            dependencies: [
                "RookeryWire", "RookeryCore", "RookeryCalls", "RookeryPolicies", "RookeryTCP",
            ] + (builtMacros == nil ? ["RookeryMacros"] : []),
            swiftSettings: settings
        ),
        .target(
            name: "RookeryTesting",
            dependencies: [
                "RookeryWire", "RookeryCore", nioCore, nioPosix, logging, asyncAlgorithms, tracing, subprocess, system,
                deque,
            ],
            swiftSettings: settings
        ),
        // What programs have in common.
        .target(name: "CommandSupport", dependencies: ["Rookery", arguments, nioCore], swiftSettings: settings),
        .executableTarget(
            name: "RookeryCommand",
            dependencies: [
                "CommandSupport", "Rookery", "RookeryTesting", nioCore, nioPosix, arguments, logging, lifecycle,
                unixSignals, histogram, orderedCollections,
            ],
            swiftSettings: settings
        ),

        // MARK: PetPro, built on Rookery. A service never imports another service, only contracts.
        .target(name: "PetProContracts", dependencies: ["Rookery"], swiftSettings: settings),
        // What services share beside their contracts: time and random names, signals, periodic work.
        .target(
            name: "PetProRuntime", dependencies: ["Rookery", logging, lifecycle, crypto, nioCore, nioPosix],
            swiftSettings: settings),
        .target(
            name: "PetProStorage",
            dependencies: [
                "CPostgres", "PetProContracts", "PetProRuntime", "Rookery", grdb, sqlite, crypto, logging, lifecycle,
                nioCore, tracing,
            ],
            swiftSettings: settings
        ),
        // What a service looks like to the program that runs it.
        .target(
            name: "PetProAssembly",
            dependencies: ["PetProContracts", "PetProRuntime", "PetProStorage", "Rookery", logging, lifecycle],
            swiftSettings: settings),
        .target(
            name: "AuthService",
            dependencies: [
                "PetProAssembly", "PetProContracts", "PetProRuntime", "PetProStorage", "Rookery", jwt, crypto,
                cryptoExtras, logging, metrics, nioCore,
                nioPosix,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "BookingService",
            dependencies: ["PetProAssembly", "PetProContracts", "PetProRuntime", "PetProStorage", "Rookery"],
            swiftSettings: settings
        ),
        .target(
            name: "VendorService",
            dependencies: ["PetProAssembly", "PetProContracts", "PetProRuntime", "PetProStorage", "Rookery"],
            swiftSettings: settings
        ),
        .target(
            name: "ProductService",
            dependencies: ["PetProAssembly", "PetProContracts", "PetProRuntime", "PetProStorage", "Rookery"],
            swiftSettings: settings
        ),
        .target(
            name: "APIGateway",
            dependencies: [
                "OTLPTraces", "PetProContracts", "PetProRuntime", "Rookery", "SequenceDiagrams", "TraceStore",
                hummingbird, hummingbirdCore,
                httpTypes, crypto, logging,
                lifecycle, deque,
                nioCore, nioHTTP1, nioHTTPTypes, nioHTTPTypesHTTP1, configuration, tracing, metrics, histogram,
            ],
            // The program needs no files beside it.
            resources: [
                .embedInCode("Console/index.html"), .embedInCode("Console/app.js"), .embedInCode("Console/diagram.js"),
                .embedInCode("Console/booking.js"), .embedInCode("Console/topology.js"),
                .embedInCode("Console/events.js"), .embedInCode("Console/trace.js"),
                .embedInCode("Console/palette.js"), .embedInCode("Console/faults.js"),
                .embedInCode("Console/explorer.js"),
                .embedInCode("Console/style.css"), .embedInCode("Console/flows"),
            ],
            swiftSettings: settings
        ),
        // A backend of swift-metrics that Prometheus reads.
        .target(name: "PrometheusMetrics", dependencies: [metrics], swiftSettings: settings),
        // Spans as an OpenTelemetry collector takes them.
        .target(name: "OTLPTraces", dependencies: ["CZlib", "Rookery", tracing], swiftSettings: settings),
        // Spans of the last hour, in a file.
        .target(
            name: "TraceStore", dependencies: ["PetProContracts", "PetProRuntime", "Rookery", grdb],
            swiftSettings: settings),
        // Reads, compares and draws sequence diagrams.
        .target(name: "SequenceDiagrams", swiftSettings: settings),
        .executableTarget(
            name: "PetProCommand",
            dependencies: [
                "AuthService", "BookingService", "VendorService", "ProductService", "APIGateway", "CommandSupport",
                "OTLPTraces", "PetProAssembly", "PetProContracts", "PetProRuntime", "PetProStorage",
                "PrometheusMetrics",
                "Rookery", hummingbird, hummingbirdCore, httpTypes, metrics, tracing, arguments, logging, lifecycle,
                unixSignals,
                httpClient,
                nioCore,
                configuration, system, nioHTTP1,
            ],
            swiftSettings: settings
        ),

        // What tests, the trial and the attack need of a platform; part of no product.
        .target(
            name: "PetProTesting",
            dependencies: [
                "CommandSupport", "PetProContracts", "PetProStorage", "Rookery", "RookeryTesting", "SequenceDiagrams",
                arguments, httpClient, nioCore, nioHTTP1, subprocess, system,
            ],
            swiftSettings: settings),
        // A platform under load whose instances are killed: run by ./dev trial and by the gate, part of no product.
        .executableTarget(
            name: "PetProTrial",
            dependencies: [
                "CommandSupport", "PetProContracts", "PetProStorage", "PetProTesting", "Rookery", "RookeryTesting",
                arguments, httpClient, logging, nioCore, nioHTTP1,
            ],
            swiftSettings: settings
        ),
        // A platform under attack, and one who does nothing wrong: run by ./dev attack and by the gate, part of no product.
        .executableTarget(
            name: "PetProAttack",
            dependencies: [
                "CommandSupport", "PetProTesting", "Rookery", "RookeryTesting", arguments, nioCore, nioHTTP1,
            ],
            swiftSettings: settings
        ),

        .executableTarget(
            name: "PetProBench",
            dependencies: [
                "BookingService", "CommandSupport", "PetProContracts", "PetProStorage", "PetProTesting", "Rookery",
                "RookeryTesting", arguments, nioCore, nioPosix, histogram, sqlite, cryptoExtras,
            ],
            swiftSettings: settings
        ),

        // What reads bytes of peers, given any bytes: run by ./dev fuzz and by a test, part of no product.
        .target(
            name: "FuzzTargets", dependencies: ["PetProContracts", "Rookery", "RookeryCore", "RookeryWire", nioCore],
            swiftSettings: settings),
        .executableTarget(
            name: "Fuzz",
            dependencies: ["FuzzTargets", "CommandSupport", "Rookery", "RookeryTesting", arguments, nioCore, logging],
            swiftSettings: settings),

        // What `import Rookery` shows to an author: run by ./dev symbols and held to its limit by a test, part of no product.
        .executableTarget(
            name: "PublicSymbols", dependencies: ["RookeryTesting", arguments], swiftSettings: settings),

        // MARK: Tests, a folder for each target.
        .testTarget(
            name: "RookeryWireTests", dependencies: ["RookeryWire", "RookeryTesting", nioCore], swiftSettings: settings),
        .testTarget(
            name: "RookeryCoreTests",
            dependencies: ["Rookery", "RookeryTesting", nioCore, logging, tracing, inMemoryTracing],
            swiftSettings: settings),
        .testTarget(
            name: "RookeryCallsTests",
            dependencies: [
                "RookeryCalls", "RookeryPolicies", "RookeryCore", "RookeryTesting", nioCore, configuration, logging,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "RookeryMacroExpansionTests",
            dependencies: [
                "RookeryMacroExpansion",
                .product(name: "SwiftSyntaxMacroExpansion", package: "swift-syntax"),
                .product(name: "SwiftSyntaxMacrosGenericTestSupport", package: "swift-syntax"),
                .product(name: "SwiftSyntaxMacros", package: "swift-syntax"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "RookeryTCPTests",
            dependencies: [
                "Rookery", "RookeryTesting", nioCore, nioPosix, logging, tracing, inMemoryTracing, metrics,
                metricsTestKit,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "RookeryCommandTests",
            dependencies: [
                "RookeryCommand", "CommandSupport", "APIGateway", "Rookery", "RookeryTesting", nioCore, nioPosix,
                httpTypes,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "FuzzTests", dependencies: ["FuzzTargets", "RookeryTesting", "Rookery"], exclude: ["Corpus"],
            swiftSettings: settings),
        // Reads what was built of Rookery, which must be there first.
        .testTarget(
            name: "PublicSymbolsTests", dependencies: ["PublicSymbols", "Rookery"], swiftSettings: settings),
        .testTarget(
            name: "PrometheusMetricsTests", dependencies: ["PrometheusMetrics", metrics], swiftSettings: settings),
        .testTarget(
            name: "PetProContractsTests", dependencies: ["PetProContracts", "Rookery"], swiftSettings: settings),
        .testTarget(
            name: "PetProStorageTests",
            dependencies: [
                "PetProRuntime", "PetProStorage", "PetProTesting", grdb, "PetProContracts", "RookeryTesting", "Rookery",
                logging, crypto, tracing,
                nioCore,
            ],
            exclude: ["Vectors"], swiftSettings: settings),
        .testTarget(
            name: "AuthServiceTests",
            dependencies: [
                "AuthService", "PetProRuntime", "PetProStorage", "PetProTesting", "PetProContracts", "Rookery",
                "RookeryTesting", jwt,
                crypto,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "BookingServiceTests",
            dependencies: [
                "BookingService", "PetProRuntime", "PetProStorage", "PetProTesting", "PetProContracts", "Rookery",
                "RookeryTesting",
                nioCore,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "VendorServiceTests",
            dependencies: [
                "VendorService", "PetProRuntime", "PetProStorage", "PetProTesting", "PetProContracts", "Rookery",
                "RookeryTesting",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "ProductServiceTests",
            dependencies: [
                "ProductService", "PetProRuntime", "PetProStorage", "PetProTesting", "PetProContracts", "Rookery",
                "RookeryTesting",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "APIGatewayTests",
            dependencies: [
                "APIGateway", "AuthService", "OTLPTraces", "TraceStore", "BookingService", "VendorService",
                "ProductService", "PetProAssembly",
                "PetProRuntime", "PetProStorage", "PetProContracts", "PetProTesting", "Rookery", "RookeryTesting",
                "SequenceDiagrams", hummingbird,
                httpTypes,
                httpClient, nioCore, nioPosix, nioEmbedded, nioHTTP1, nioHTTPTypes, logging, lifecycle, tracing,
                inMemoryTracing,
                .product(name: "SwiftSyntax", package: "swift-syntax"),
                .product(name: "SwiftParser", package: "swift-syntax"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "PetProCommandTests",
            dependencies: [
                "OTLPTraces", "PetProCommand", "PetProAssembly", "PetProRuntime", "PetProStorage", "PetProContracts",
                "AuthService", "VendorService", "PetProTesting", "Rookery", "RookeryTesting", unixSignals,
                httpClient, nioCore,
                nioPosix, nioHTTP1, logging, lifecycle,
            ],
            swiftSettings: settings
        ),
    ]
)
