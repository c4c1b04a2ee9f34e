/// An object that keeps its members in order. If a key repeats, the last value wins and keeps the first one's position,
/// as in JavaScript.
public struct JSONObject: Sendable, Hashable, Sequence, ExpressibleByDictionaryLiteral {
    private var keys: [String] = []
    private var values: [JSONValue] = []
    /// Index of keys, in use from `indexedFrom` members on. Below that, linear search is faster than hashing.
    private var positions: [[UInt8]: Int] = [:]
    private static let indexedFrom = 12

    /// An object without members.
    package init() {}

    /// Creates an object. If a key repeats, the last value wins.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        for (key, value) in elements { self[key] = value }
    }

    /// The number of members.
    package var count: Int { keys.count }
    /// Whether the object has no members.
    package var isEmpty: Bool { keys.isEmpty }

    /// The member `key`. Setting nil changes nothing, because JSON has no absent value.
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

    /// Compares names by their UTF-8 bytes. To JSON, `é` as one scalar and as two are different names. To Swift's `==`
    /// they are equal.
    private func position(_ key: String) -> Int? {
        if keys.count >= Self.indexedFrom { return positions[Array(key.utf8)] }
        return keys.firstIndex { $0.utf8.elementsEqual(key.utf8) }
    }

    /// The members in order.
    public func makeIterator() -> Zip2Sequence<[String], [JSONValue]>.Iterator {
        zip(keys, values).makeIterator()
    }
}
