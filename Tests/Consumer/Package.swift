// swift-tools-version:6.2
import PackageDescription

// A package that depends on Rookery as its users do, and so sees only its public declarations.
let settings: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
    name: "consumer",
    platforms: [.macOS(.v26)],
    dependencies: [
        .package(name: "rookery", path: "../.."),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
    ],
    targets: [
        // A library with public messages and contracts, as a team shares them between its services.
        .target(
            name: "Contracts", dependencies: [.product(name: "Rookery", package: "rookery")], swiftSettings: settings),
        // The snippet, without these settings, because a newcomer pastes it as it is.
        .executableTarget(
            name: "Bookings",
            dependencies: [
                .product(name: "Rookery", package: "rookery"),
                .product(name: "RookeryTesting", package: "rookery"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .testTarget(
            name: "ConsumerTests",
            dependencies: [
                "Contracts",
                .product(name: "Rookery", package: "rookery"),
                .product(name: "RookeryTesting", package: "rookery"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
            ], swiftSettings: settings),
    ]
)
