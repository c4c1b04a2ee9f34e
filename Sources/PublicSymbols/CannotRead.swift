/// There is nothing to read symbols from.
struct CannotRead: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
