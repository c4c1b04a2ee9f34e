/// A value that constraints can check, leaf by leaf.
///
/// The leaf of a plain value is the value itself. The leaves of an optional are those of its value, if it has one. The
/// leaves of an array are those of its elements, and the leaves of a dictionary those of its values.
public protocol _ConstrainedValue {
    /// The type that constraints check.
    associatedtype _Leaf = Self

    /// Calls `body` with each leaf and its path.
    func _forEachLeaf(_ path: String, _ body: (_Leaf, String) -> Void)
}

extension _ConstrainedValue where _Leaf == Self {
    /// Passes the value itself.
    @inlinable
    public func _forEachLeaf(_ path: String, _ body: (Self, String) -> Void) { body(self, path) }
}

extension Optional: _ConstrainedValue where Wrapped: _ConstrainedValue {
    /// Passes the leaves of the wrapped value, or none for nil.
    @inlinable
    public func _forEachLeaf(_ path: String, _ body: (Wrapped._Leaf, String) -> Void) { self?._forEachLeaf(path, body) }
}

extension Array: _ConstrainedValue where Element: _ConstrainedValue {
    /// Passes the leaves of each element, with its index in the path.
    @inlinable
    public func _forEachLeaf(_ path: String, _ body: (Element._Leaf, String) -> Void) {
        for (at, element) in enumerated() { element._forEachLeaf("\(path)[\(at)]", body) }
    }
}

extension Dictionary: _ConstrainedValue where Key == String, Value: _ConstrainedValue {
    /// Passes the leaves of each value, with its key in the path.
    @inlinable
    public func _forEachLeaf(_ path: String, _ body: (Value._Leaf, String) -> Void) {
        for (name, value) in self { value._forEachLeaf("\(path).\(name)", body) }
    }
}
