// swift-tools-version:6.2
import Foundation
import PackageDescription

// The compiler's name for the enclosing package, which follows from the name of its folder.
let enclosing = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().lastPathComponent
let packageName = String(enclosing.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "_" })

let package = Package(
    name: "rookery-benchmarks",
    platforms: [.macOS(.v26)],
    dependencies: [
        .package(name: "rookery", path: ".."),
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.0", traits: []),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    ],
    targets: [
        // Counts calls of malloc. The benchmark library's own counts need an interposer that some systems lack.
        .target(name: "CAllocationCount"),
        .executableTarget(
            name: "Wire",
            dependencies: [
                "CAllocationCount",
                .product(name: "Rookery", package: "rookery"),
                .product(name: "Benchmark", package: "benchmark"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            path: "Benchmarks/Wire",
            // The measured parts have package access, so this target compiles as a part of the enclosing package.
            packageAccess: false,
            swiftSettings: [.unsafeFlags(["-package-name", packageName])],
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]
        ),
    ]
)
