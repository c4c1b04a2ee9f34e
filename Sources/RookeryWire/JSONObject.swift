/// An object whose members keep the order in which they came; the last of duplicate keys wins, in the first one's place,
/// as in JavaScript.
public struct JSONObject: Sendable, Hashable, Sequence, ExpressibleByDictionaryLiteral {
    private var keys: [String] = []
    private var values: [JSONValue] = []
    /// Only made once linear search would cost more than hashing.
    private var positions: [[UInt8]: Int] = [:]
    private static let indexedFrom = 12

    /// An object without members.
    package init() {}

    /// An object; the last of duplicate keys wins.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        for (key, value) in elements { self[key] = value }
    }

    /// How many members.
    package var count: Int { keys.count }
    /// Whether there are none.
    package var isEmpty: Bool { keys.isEmpty }

    /// The member `key`; setting nil changes nothing, because JSON has no absent value.
    public subscript(_ key: String) -> JSONValue? {
        get { position(key).map { values[$0] } }
        set {
            guard let newValue else { return }
            if let at = position(key) {
                values[at] = newValue
                return
            }
            keys.append(key)
            values.append(newValue)
            if keys.count == Self.indexedFrom {
                for (at, key) in keys.enumerated() { positions[Array(key.utf8)] = at }
            } else if keys.count > Self.indexedFrom {
                positions[Array(key.utf8)] = keys.count - 1
            }
        }
    }

    /// Names are compared by their bytes: to JSON, `é` as one scalar and as two are different names, though Swift's
    /// `==` calls them equal.
    private func position(_ key: String) -> Int? {
        if keys.count >= Self.indexedFrom { return positions[Array(key.utf8)] }
        return keys.firstIndex { $0.utf8.elementsEqual(key.utf8) }
    }

    /// The members in order.
    public func makeIterator() -> Zip2Sequence<[String], [JSONValue]>.Iterator {
        zip(keys, values).makeIterator()
    }
}
