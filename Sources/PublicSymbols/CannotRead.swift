/// The symbol graph cannot be read: the build is missing, or `swift-symbolgraph-extract` failed.
struct CannotRead: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
