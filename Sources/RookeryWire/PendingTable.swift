/// The calls in flight, keyed by the ids that this table assigns.
///
/// Ids count up and skip those whose slot is taken. The low bits of an id are the index of its slot, so insert and
/// lookup need no hash. The table doubles to keep half of its slots free, and never shrinks.
@frozen
package struct PendingTable<Call> {
    @usableFromInline var ids: [UInt64]
    @usableFromInline var calls: [Call?]
    @usableFromInline var lastID: UInt64 = 0
    /// The number of calls in flight.
    package var count: Int { entered }
    @usableFromInline var entered = 0

    /// Creates a table. It rounds `capacity` up to a power of two, at least 16. It grows when more than half would be
    /// in use.
    @inlinable
    package init(capacity: Int = 64) {
        var size = 16
        while size < capacity { size *= 2 }
        ids = Array(repeating: 0, count: size)
        calls = Array(repeating: nil, count: size)
    }

    @inlinable func place(_ id: UInt64) -> Int { Int(truncatingIfNeeded: id) & (ids.count &- 1) }

    /// Returns the id that the next ``insert(_:)`` will assign. Never 0. May grow the table.
    @inlinable
    package mutating func nextID() -> UInt64 {
        if (entered &+ 1) &* 2 > ids.count { grow() }
        var id = lastID &+ 1
        while id == 0 || ids[place(id)] != 0 { id &+= 1 }
        return id
    }

    /// Inserts a call and returns its id.
    @discardableResult
    @inlinable
    package mutating func insert(_ call: Call) -> UInt64 {
        let id = nextID()
        lastID = id
        let place = place(id)
        ids[place] = id
        calls[place] = call
        entered &+= 1
        return id
    }

    /// The call with this id. Nil if it is not in flight.
    @inlinable
    package subscript(id: UInt64) -> Call? {
        let place = place(id)
        return ids[place] == id && id != 0 ? calls[place] : nil
    }

    /// Removes a call and returns it. Returns nil if it is not in flight.
    @discardableResult
    @inlinable
    package mutating func remove(_ id: UInt64) -> Call? {
        let place = place(id)
        guard ids[place] == id, id != 0 else { return nil }
        let call = calls[place]
        ids[place] = 0
        calls[place] = nil
        entered &-= 1
        return call
    }

    /// Removes all calls and returns them.
    @inlinable
    package mutating func removeAll() -> [Call] {
        let all = calls.compactMap { $0 }
        for place in ids.indices where ids[place] != 0 {
            ids[place] = 0
            calls[place] = nil
        }
        entered = 0
        return all
    }

    /// Calls `body` for every call in flight, in no particular order.
    @inlinable
    package func forEach(_ body: (UInt64, Call) -> Void) {
        for place in ids.indices where ids[place] != 0 {
            if let call = calls[place] { body(ids[place], call) }
        }
    }

    /// Doubles the table. Ids with different low bits still differ when one more bit counts, so slots stay unique.
    @usableFromInline mutating func grow() {
        let (oldIDs, oldCalls) = (ids, calls)
        ids = Array(repeating: 0, count: oldIDs.count * 2)
        calls = Array(repeating: nil, count: oldIDs.count * 2)
        for (at, id) in oldIDs.enumerated() where id != 0 {
            ids[place(id)] = id
            calls[place(id)] = oldCalls[at]
        }
    }
}
