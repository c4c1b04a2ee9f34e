/// A value that constraints look at. What a constraint is about, its leaf, is the value itself; of an optional it is the
/// value that may be there, of an array each element, and of a dictionary each value.
public protocol ConstrainedValue {
    /// What a constraint is about.
    associatedtype Leaf = Self

    /// Gives each leaf and its path to `body`.
    func forEachLeaf(_ path: String, _ body: (Leaf, String) -> Void)
}

extension ConstrainedValue where Leaf == Self {
    /// Gives the value itself.
    @inlinable
    public func forEachLeaf(_ path: String, _ body: (Self, String) -> Void) { body(self, path) }
}

extension Optional: ConstrainedValue where Wrapped: ConstrainedValue {
    /// Gives the leaves of the value that is there, or none.
    @inlinable
    public func forEachLeaf(_ path: String, _ body: (Wrapped.Leaf, String) -> Void) { self?.forEachLeaf(path, body) }
}

extension Array: ConstrainedValue where Element: ConstrainedValue {
    /// Gives the leaves of each element, with its index in the path.
    @inlinable
    public func forEachLeaf(_ path: String, _ body: (Element.Leaf, String) -> Void) {
        for (at, element) in enumerated() { element.forEachLeaf("\(path)[\(at)]", body) }
    }
}

extension Dictionary: ConstrainedValue where Key == String, Value: ConstrainedValue {
    /// Gives the leaves of each value, with its name in the path.
    @inlinable
    public func forEachLeaf(_ path: String, _ body: (Value.Leaf, String) -> Void) {
        for (name, value) in self { value.forEachLeaf("\(path).\(name)", body) }
    }
}
