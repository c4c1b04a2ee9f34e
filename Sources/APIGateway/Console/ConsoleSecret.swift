import Crypto
import Foundation

/// Random texts that cannot be guessed.
package enum ConsoleSecret {
    /// 256 bits, of letters, digits, `-` and `_`.
    package static func make() -> String {
        SymmetricKey(size: .bits256).withUnsafeBytes { Data($0) }.base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
