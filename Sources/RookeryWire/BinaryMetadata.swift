/// The metadata of a binary frame. Each entry is the name's length as UInt16, the name, the value's length as UInt16,
/// and the value. Lengths are little-endian, texts UTF-8.
package enum BinaryMetadata {
    /// Reads metadata. Returns nil if the bytes are not whole entries.
    package static func read(_ bytes: UnsafeRawBufferPointer) -> [String: String]? {
        var metadata: [String: String] = [:]
        var at = 0
        func text() -> String? {
            guard at + 2 <= bytes.count else { return nil }
            let length = Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self)))
            guard at + 2 + length <= bytes.count else { return nil }
            defer { at += 2 + length }
            return String(decoding: bytes[(at + 2)..<(at + 2 + length)], as: UTF8.self)
        }
        while at < bytes.count {
            guard let name = text(), let value = text() else { return nil }
            metadata[name] = value
        }
        return metadata
    }
}

extension ValueWriter {
    /// Begins a binary frame and leaves room for its header. Pass the result to ``endBinaryFrame(_:_:)``.
    package mutating func beginBinaryFrame() -> Int {
        let start = written
        reserve(BinaryHeader.size)
        written &+= BinaryHeader.size
        return start
    }

    /// Ends a binary frame: sets the header's length and writes the header.
    package mutating func endBinaryFrame(_ start: Int, _ header: BinaryHeader) {
        var header = header
        header.length = UInt32(truncatingIfNeeded: written &- start &- BinaryHeader.size)
        header.store(at: UnsafeMutableRawPointer(base + start))
    }

    /// Drops a binary frame that has begun.
    package mutating func abandonBinaryFrame(_ start: Int) { written = start }

    /// Writes a frame that consists of a header only.
    package mutating func binaryFrame(_ header: BinaryHeader) {
        endBinaryFrame(beginBinaryFrame(), header)
    }

    /// Writes metadata, and returns its length in bytes. Returns nil if that is over `UInt16.max`; the caller must then
    /// abandon the frame.
    ///
    /// `own` comes first and replaces the entry with its name. The other entries are sorted by name. Name and value of `own` have at most
    /// 255 bytes each.
    package mutating func binaryMetadata(
        _ metadata: [String: String], own: (name: String, value: UnsafeRawBufferPointer)? = nil
    ) -> UInt16? {
        let start = written
        if let own {
            append(lengthAnd: own.name)
            append(littleEndian: UInt16(own.value.count))
            append(own.value)
        }
        // Most calls have one entry, which needs no sorting.
        if metadata.count == 1, let (name, value) = metadata.first {
            if name != own?.name, !appendEntry(name, value, since: start) { return nil }
            return UInt16(written - start)
        }
        for (name, value) in metadata.sorted(by: { $0.key < $1.key }) where name != own?.name {
            if !appendEntry(name, value, since: start) { return nil }
        }
        return UInt16(written - start)
    }

    private mutating func appendEntry(_ name: String, _ value: String, since start: Int) -> Bool {
        let room = Int(UInt16.max) - (written - start)
        guard name.utf8.count + value.utf8.count + 4 <= room else { return false }
        append(lengthAnd: name)
        append(lengthAnd: value)
        return true
    }

    private mutating func append(lengthAnd text: String) {
        append(littleEndian: UInt16(text.utf8.count))
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    mutating func append<Integer: FixedWidthInteger>(littleEndian value: Integer) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append($0) }
    }
}
