import Crypto
import Foundation
import Testing

/// The primitives that sealed values, keys and tokens are built of, held to published figures.
@Suite("The cryptographic library")
struct VectorTests {
    private static func lines(_ name: String) throws -> [[String]] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Vectors")
        return try String(contentsOf: folder.appending(path: name), encoding: .utf8).split(separator: "\n")
            .filter { !$0.hasPrefix("#") }.map { $0.split(separator: " ").map(String.init) }
    }

    private static func bytes(_ hex: String) throws -> [UInt8] {
        if hex == "-" { return [] }
        let digits = Array(hex)
        return try stride(from: 0, to: digits.count, by: 2).map { at in
            try #require(UInt8(String(digits[at..<at + 2]), radix: 16), "\(hex)")
        }
    }

    @Test("seals and opens with AES-256-GCM as Wycheproof's 66 vectors say, and opens no wrong one")
    func gcm() throws {
        let lines = try Self.lines("aes-256-gcm.txt")
        #expect(lines.count == 66)
        for line in lines {
            let values = try line.dropLast().map(Self.bytes)
            let (key, nonce, plain) = (SymmetricKey(data: values[0]), try AES.GCM.Nonce(data: values[1]), values[3])
            let box = try AES.GCM.SealedBox(nonce: nonce, ciphertext: values[4], tag: values[5])
            let opened = try? AES.GCM.open(box, using: key, authenticating: values[2])
            if line[6] == "valid" {
                let sealed = try AES.GCM.seal(plain, using: key, nonce: nonce, authenticating: values[2])
                #expect(opened.map(Array.init) == plain, "\(line)")
                #expect(Array(sealed.ciphertext) == values[4] && Array(sealed.tag) == values[5], "\(line)")
            } else {
                #expect(opened == nil, "\(line)")
            }
        }
    }

    @Test("takes and refuses Ed25519 signatures as Wycheproof's 150 vectors say")
    func ed25519() throws {
        let lines = try Self.lines("ed25519.txt")
        #expect(lines.count == 150)
        for line in lines {
            let values = try line.dropLast().map(Self.bytes)
            let key = try Curve25519.Signing.PublicKey(rawRepresentation: values[0])
            #expect(key.isValidSignature(values[2], for: values[1]) == (line[3] == "valid"), "\(line)")
        }
    }

    /// RFC 5869, appendix A, test cases 1 and 3.
    @Test("derives keys with HKDF-SHA256 as RFC 5869 says")
    func hkdf() throws {
        let secret = SymmetricKey(data: Array(repeating: UInt8(0x0b), count: 22))
        let salted = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: secret, salt: Array(0...12), info: Array(UInt8(0xf0)...0xf9), outputByteCount: 42)
        #expect(
            try salted.withUnsafeBytes { Array($0) }
                == Self.bytes(
                    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"))
        let plain = HKDF<SHA256>.deriveKey(inputKeyMaterial: secret, info: [UInt8](), outputByteCount: 42)
        #expect(
            try plain.withUnsafeBytes { Array($0) }
                == Self.bytes(
                    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"))
    }

    /// RFC 4231, test cases 2 and 6.
    @Test("authenticates with HMAC-SHA256 as RFC 4231 says")
    func hmac() throws {
        let short = HMAC<SHA256>.authenticationCode(
            for: Array("what do ya want for nothing?".utf8), using: SymmetricKey(data: Array("Jefe".utf8)))
        #expect(
            try Array(short) == Self.bytes("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"))
        let long = HMAC<SHA256>.authenticationCode(
            for: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            using: SymmetricKey(data: Array(repeating: UInt8(0xaa), count: 131)))
        #expect(
            try Array(long) == Self.bytes("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"))
    }
}
