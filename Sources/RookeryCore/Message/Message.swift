/// A type declared with `@Message`.
public protocol Message: MessageValue {}
