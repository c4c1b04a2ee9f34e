/// Calls under way, by the numbers that it gives them.
///
/// Numbers go up by one, and skip those whose place is still taken: so a number's low bits are its place, and neither
/// entering nor finding hashes anything. Grows to keep half of its places free; never shrinks.
@frozen
package struct PendingTable<Call> {
    @usableFromInline var ids: [UInt64]
    @usableFromInline var calls: [Call?]
    @usableFromInline var lastID: UInt64 = 0
    /// How many are under way.
    package var count: Int { entered }
    @usableFromInline var entered = 0

    /// A table with room for half of `capacity` calls, a power of two.
    @inlinable
    package init(capacity: Int = 64) {
        var size = 16
        while size < capacity { size *= 2 }
        ids = Array(repeating: 0, count: size)
        calls = Array(repeating: nil, count: size)
    }

    @inlinable func place(_ id: UInt64) -> Int { Int(truncatingIfNeeded: id) & (ids.count &- 1) }

    /// The number that ``insert(_:)`` will give next. Never 0.
    @inlinable
    package mutating func nextID() -> UInt64 {
        if (entered &+ 1) &* 2 > ids.count { grow() }
        var id = lastID &+ 1
        while id == 0 || ids[place(id)] != 0 { id &+= 1 }
        return id
    }

    /// Enters a call and gives it a number.
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

    /// The call of that number, if it is under way.
    @inlinable
    package subscript(id: UInt64) -> Call? {
        let place = place(id)
        return ids[place] == id && id != 0 ? calls[place] : nil
    }

    /// Takes a call out; nil when it is not under way.
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

    /// Takes all calls out.
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

    /// Every call under way, in no particular order.
    @inlinable
    package func forEach(_ body: (UInt64, Call) -> Void) {
        for place in ids.indices where ids[place] != 0 {
            if let call = calls[place] { body(ids[place], call) }
        }
    }

    /// Numbers that differ in their low bits still do so with one bit more.
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
