/// A value that constraints look at. What a constraint is about, its leaf, is the value itself; of an optional it is the
/// value that may be there, of an array each element, and of a dictionary each value.
public protocol _ConstrainedValue {
    /// What a constraint is about.
    associatedtype _Leaf = Self

    /// Gives each leaf and its path to `body`.
    func _forEachLeaf(_ path: String, _ body: (_Leaf, String) -> Void)
}

extension _ConstrainedValue where _Leaf == Self {
    /// Gives the value itself.
    @inlinable
    public func _forEachLeaf(_ path: String, _ body: (Self, String) -> Void) { body(self, path) }
}

extension Optional: _ConstrainedValue where Wrapped: _ConstrainedValue {
    /// Gives the leaves of the value that is there, or none.
    @inlinable
    public func _forEachLeaf(_ path: String, _ body: (Wrapped._Leaf, String) -> Void) { self?._forEachLeaf(path, body) }
}

extension Array: _ConstrainedValue where Element: _ConstrainedValue {
    /// Gives the leaves of each element, with its index in the path.
    @inlinable
    public func _forEachLeaf(_ path: String, _ body: (Element._Leaf, String) -> Void) {
        for (at, element) in enumerated() { element._forEachLeaf("\(path)[\(at)]", body) }
    }
}

extension Dictionary: _ConstrainedValue where Key == String, Value: _ConstrainedValue {
    /// Gives the leaves of each value, with its name in the path.
    @inlinable
    public func _forEachLeaf(_ path: String, _ body: (Value._Leaf, String) -> Void) {
        for (name, value) in self { value._forEachLeaf("\(path).\(name)", body) }
    }
}
