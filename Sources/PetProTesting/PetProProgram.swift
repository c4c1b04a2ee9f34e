public import Foundation

/// The `petpro` program that a trial or an attack starts.
public enum PetProProgram {
    /// The program at a path, or the one beside the program that runs. Throws when there is none.
    public static func url(_ path: String?) throws -> URL {
        let url =
            path.map { URL(filePath: $0) }
            ?? URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent("petpro")
        guard FileManager.default.isExecutableFile(atPath: url.path) else {
            throw HTTP.Unexpected("\(url.path) is no program: build it, or say with --petpro where it is")
        }
        return url
    }
}

/// The value that this share of values stays within: 0.5 is the median. 0 when there are none.
public func percentile<Value: Comparable & ExpressibleByIntegerLiteral>(_ share: Double, of values: [Value]) -> Value {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
}
