package import NIOCore

/// The positions of a packet's members, found in one pass over the frame's body. If a key repeats, the last one counts.
package struct PacketScan: Sendable {
    /// Whether the body is an object. Any other JSON value has no members.
    package private(set) var isObject = false
    /// `pattern`
    package private(set) var pattern = ByteRange.absent
    /// `data`
    package private(set) var data = ByteRange.absent
    /// `id`. A packet with an id is a request, whatever its value.
    package private(set) var id = ByteRange.absent
    /// `metadata`
    package private(set) var metadata = ByteRange.absent
    /// `response`
    package private(set) var response = ByteRange.absent
    /// `err`
    package private(set) var err = ByteRange.absent
    /// `isDisposed`
    package private(set) var isDisposed = ByteRange.absent

    /// Scans a frame's body. Throws ``FramingError/notJSON(_:)`` if it is not exactly one JSON value.
    package init(_ body: ByteBuffer) throws(FramingError) {
        do throws(MalformedValue) {
            self = try body.withUnsafeReadableBytes { (bytes) throws(MalformedValue) in try PacketScan(bytes) }
        } catch {
            throw .notJSON(error)
        }
    }

    /// Scans a frame's body. Throws if it is not exactly one JSON value.
    package init(_ bytes: UnsafeRawBufferPointer) throws(MalformedValue) {
        var reader = ValueReader(bytes)
        guard try reader.peek() == .object else {
            try reader.skipValue()
            try reader.finish()
            return
        }
        isObject = true
        var members = try reader.beginObject()
        while let key = try reader.nextKey(&members) {
            let value = ByteRange(try reader.skipRange())
            if key.matches("id") {
                id = value
            } else if key.matches("pattern") {
                pattern = value
            } else if key.matches("data") {
                data = value
            } else if key.matches("response") {
                response = value
            } else if key.matches("isDisposed") {
                isDisposed = value
            } else if key.matches("err") {
                err = value
            } else if key.matches("metadata") {
                metadata = value
            }
        }
        try reader.finish()
    }
}
