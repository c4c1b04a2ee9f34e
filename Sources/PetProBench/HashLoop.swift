import CryptoExtras
import Foundation

/// Hashes a password again and again as Auth does, to find the limit of one processor.
enum HashLoop {
    /// Hashes for `seconds` and returns the number of hashes per second.
    static func rate(seconds: Double) throws -> Double {
        let began = ContinuousClock.now
        var count = 0
        repeat {
            _ = try KDF.Scrypt.deriveKey(
                from: Data("correct horse".utf8), salt: Data(repeating: 7, count: 16), outputByteCount: 32,
                rounds: 1 << 17, blockSize: 8, parallelism: 1, maxMemory: 1 << 28)
            count += 1
        } while began.duration(to: .now) < .seconds(seconds)
        return Double(count) / (began.duration(to: .now) / .seconds(1))
    }
}
