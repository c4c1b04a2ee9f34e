/// Encrypts the marked members of one message while a writer writes it.
@usableFromInline package protocol FieldSealer: AnyObject {
    /// Returns the text that stands for a member's value, which is given as JSON.
    func seal(_ json: UnsafeRawBufferPointer, of name: StaticString) -> String
}
