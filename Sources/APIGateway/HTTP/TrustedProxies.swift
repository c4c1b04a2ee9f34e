import HTTPTypes
import NIOCore
import Rookery

/// The proxies whose word the gateway takes for a client's address.
struct TrustedProxies: Sendable, Hashable {
    private let ranges: [AddressRange]

    /// Reads addresses and ranges with commas in between. Throws ``RookeryPolicies/InvalidSetting`` for other text.
    init(_ text: String) throws(InvalidSetting) {
        var ranges: [AddressRange] = []
        for part in text.split(separator: ",").map({ $0.trimmingPrefix(while: \.isWhitespace) }) where !part.isEmpty {
            guard let range = AddressRange(String(part)) else {
                throw InvalidSetting("trustedProxies", "addresses or ranges such as 10.0.0.0/8, not \(part)")
            }
            ranges.append(range)
        }
        self.ranges = ranges
    }

    /// The client of a request: `peer`, the peer of the connection with the address `remote`, or what a trusted peer says
    /// in `X-Forwarded-For`.
    ///
    /// Proxies append the address that they see. So the last address that is no trusted proxy is the client's, and
    /// whatever stands before it may be the client's invention.
    func client(of peer: String, _ remote: String?, _ headers: HTTPFields) -> String {
        guard !ranges.isEmpty, let remote, isTrusted(remote), let field = HTTPField.Name("X-Forwarded-For"),
            let text = headers[field]
        else { return peer }
        for part in text.split(separator: ",").reversed() {
            let address = part.filter { !$0.isWhitespace }
            guard let socket = try? SocketAddress(ipAddress: address, port: 0) else { return peer }
            if !isTrusted(address) { return ConnectionTable.peer(socket) }
        }
        return peer
    }

    private func isTrusted(_ address: String) -> Bool { ranges.contains { $0.contains(address) } }
}
