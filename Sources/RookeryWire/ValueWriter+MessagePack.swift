// MessagePack. The writer uses the shortest form of each value.
extension ValueWriter {
    @usableFromInline
    mutating func messagePackMap(_ count: Int) {
        messagePackHeader(count, fix: 0x80, fixLimit: 16, sixteen: 0xDE)
    }

    @usableFromInline
    mutating func messagePackArray(_ count: Int) {
        messagePackHeader(count, fix: 0x90, fixLimit: 16, sixteen: 0xDC)
    }

    /// Writes a length of at most 32 bits. The code for 32-bit lengths is `sixteen + 1`.
    private mutating func messagePackHeader(_ count: Int, fix: UInt8, fixLimit: Int, sixteen: UInt8) {
        if count < fixLimit {
            byte(fix | UInt8(truncatingIfNeeded: count))
        } else if count <= Int(UInt16.max) {
            byte(sixteen)
            bigEndian(UInt16(truncatingIfNeeded: count))
        } else {
            byte(sixteen + 1)
            bigEndian(UInt32(truncatingIfNeeded: count))
        }
    }

    @usableFromInline
    mutating func messagePackKey(_ name: StaticString) {
        messagePackString(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }

    @usableFromInline
    mutating func messagePackString(_ text: UnsafeRawBufferPointer) {
        let count = text.count
        reserve(count &+ 5)
        if count < 32 {
            byte(0xA0 | UInt8(truncatingIfNeeded: count))
        } else if count <= Int(UInt8.max) {
            byte(0xD9)
            byte(UInt8(truncatingIfNeeded: count))
        } else {
            messagePackHeader(count, fix: 0, fixLimit: 0, sixteen: 0xDA)
        }
        append(text)
    }

    @usableFromInline
    mutating func messagePackInteger(_ value: Int64) {
        if value >= 0 { return messagePackUnsigned(UInt64(value)) }
        if value >= -32 {
            byte(UInt8(bitPattern: Int8(truncatingIfNeeded: value)))
        } else if value >= Int64(Int8.min) {
            byte(0xD0)
            byte(UInt8(bitPattern: Int8(truncatingIfNeeded: value)))
        } else if value >= Int64(Int16.min) {
            byte(0xD1)
            bigEndian(UInt16(bitPattern: Int16(truncatingIfNeeded: value)))
        } else if value >= Int64(Int32.min) {
            byte(0xD2)
            bigEndian(UInt32(bitPattern: Int32(truncatingIfNeeded: value)))
        } else {
            byte(0xD3)
            bigEndian(UInt64(bitPattern: value))
        }
    }

    @usableFromInline
    mutating func messagePackUnsigned(_ value: UInt64) {
        if value < 0x80 {
            byte(UInt8(truncatingIfNeeded: value))
        } else if value <= UInt64(UInt8.max) {
            byte(0xCC)
            byte(UInt8(truncatingIfNeeded: value))
        } else if value <= UInt64(UInt16.max) {
            byte(0xCD)
            bigEndian(UInt16(truncatingIfNeeded: value))
        } else if value <= UInt64(UInt32.max) {
            byte(0xCE)
            bigEndian(UInt32(truncatingIfNeeded: value))
        } else {
            byte(0xCF)
            bigEndian(value)
        }
    }

    mutating func messagePackDouble(_ value: Double) {
        guard value.isFinite else { return byte(0xC0) }
        if let whole = Int64(exactly: value), whole.magnitude < 1 << 53, whole != 0 || value.sign == .plus {
            return messagePackInteger(whole)
        }
        byte(0xCB)
        bigEndian(value.bitPattern)
    }

    private mutating func bigEndian<Integer: FixedWidthInteger>(_ value: Integer) {
        let size = MemoryLayout<Integer>.size
        reserve(size)
        UnsafeMutableRawPointer(base + written).storeBytes(of: value.bigEndian, as: Integer.self)
        written &+= size
    }
}
