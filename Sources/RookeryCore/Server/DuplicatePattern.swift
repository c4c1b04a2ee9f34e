/// Several commands share a pattern, and not all of them are events.
package struct DuplicatePattern: Error, CustomStringConvertible {
    /// The pattern.
    package let pattern: Pattern
    /// The commands' names.
    package let commands: [String]

    package init(pattern: Pattern, commands: [String]) {
        self.pattern = pattern
        self.commands = commands
    }

    /// Names the pattern and the commands.
    package var description: String {
        "the pattern \(pattern) is registered by \(commands.joined(separator: " and ")); only events may share one"
    }
}
