public import Foundation

/// The `petpro` program that a trial or an attack starts.
public enum PetProProgram {
    /// Returns the program at a path, or the one beside the running program. Throws ``HTTP/Unexpected`` when it is not
    /// executable.
    public static func url(_ path: String?) throws -> URL {
        let url =
            path.map { URL(filePath: $0) }
            ?? URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent("petpro")
        guard FileManager.default.isExecutableFile(atPath: url.path) else {
            throw HTTP.Unexpected("\(url.path) is not executable: build it, or give its path with --petpro")
        }
        return url
    }
}

/// Returns the value below or at which a share of the values lies, from 0 to 1: 0.5 is the median. Returns 0 without
/// values.
public func percentile<Value: Comparable & ExpressibleByIntegerLiteral>(_ share: Double, of values: [Value]) -> Value {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
}
