import CryptoExtras
import Foundation

/// Hashes a password as Auth does, one after the other: what the processor allows.
enum HashLoop {
    /// Hashes a second, for so long.
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
