package import NIOCore

extension SocketAddress {
    /// The bytes of an IP address: 4, or 16. An IPv4 address in IPv6 form, `::ffff:a.b.c.d`, counts as IPv4. Nil for other
    /// addresses.
    package var addressBytes: [UInt8]? {
        // In a `sockaddr_in` the address begins at the fifth byte, in a `sockaddr_in6` at the ninth (RFC 3493, 3.3).
        let (start, count): (Int, Int)
        switch self {
        case .v4: (start, count) = (4, 4)
        case .v6: (start, count) = (8, 16)
        case .unixDomainSocket: return nil
        }
        return withSockAddr { socket, size in
            let bytes = Array(UnsafeRawBufferPointer(start: socket, count: size).dropFirst(start).prefix(count))
            guard bytes.count == count else { return nil }
            let isMapped =
                count == 16 && bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
            return isMapped ? Array(bytes.suffix(4)) : bytes
        }
    }
}
