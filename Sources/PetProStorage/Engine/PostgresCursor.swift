import CPostgres

/// The result of a statement of PostgreSQL, in the binary format.
final class PostgresCursor {
    /// What a column may hold.
    enum Kind { case integer, real, text, blob, null, missing }

    private let answer: PostgresAnswer
    private var position = -1
    /// The row within the result.
    private var row: Int32 = -1

    init(_ answer: PostgresAnswer) { self.answer = answer }

    private var result: OpaquePointer? { answer.result.pointer }

    func step() -> Bool {
        position += 1
        guard let next = answer.row(position) else { return false }
        row = next
        return true
    }

    var columns: [String] { (0..<answer.columnCount).map { name($0) ?? "" } }

    /// How many rows the statement changed.
    var changes: Int { PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0 }

    func name(_ column: Int32) -> String? {
        column < answer.columnCount
            ? PQfname(result, answer.firstColumn + column).map { String(cString: $0) } : nil
    }

    func type(_ column: Int32) -> Kind {
        if column >= answer.columnCount { return .missing }
        if PQgetisnull(result, row, answer.firstColumn + column) != 0 { return .null }
        // The ids of the catalogue, `pg_type.dat`.
        switch PQftype(result, answer.firstColumn + column) {
        case 16, 20, 21, 23: return .integer
        case 700, 701: return .real
        case 17: return .blob
        default: return .text
        }
    }

    func content(_ column: Int32) -> UnsafeRawBufferPointer {
        let column = answer.firstColumn + column
        return UnsafeRawBufferPointer(
            start: PQgetvalue(result, row, column), count: Int(PQgetlength(result, row, column)))
    }

    /// An integer of 1 to 8 bytes, in network order.
    func integer(_ column: Int32) -> Int64 {
        let bytes = content(column)
        guard let first = bytes.first else { return 0 }
        var value = bytes.count > 1 ? Int64(Int8(bitPattern: first)) : Int64(first)
        for byte in bytes.dropFirst() { value = value << 8 | Int64(byte) }
        return value
    }

    func real(_ column: Int32) -> Double {
        let bits = content(column).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return content(column).count == 4 ? Double(Float(bitPattern: UInt32(bits))) : Double(bitPattern: bits)
    }
}
