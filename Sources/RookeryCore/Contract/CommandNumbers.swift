import Synchronization

/// Assigns numbers to the names of commands. A thread can publish a number without a lock, to show its current command.
///
/// The table has one entry for each command that this process has served.
package enum CommandNumbers {
    private struct Names {
        var numbers: [String: Int] = [:]
        var names: [String] = ["none"]
    }
    private static let names = Mutex(Names())

    /// Returns the number of a name. A new name gets the next free number.
    package static func number(of name: String) -> Int {
        names.withLock { names in
            if let number = names.numbers[name] { return number }
            names.numbers[name] = names.names.count
            names.names.append(name)
            return names.names.count - 1
        }
    }

    /// Returns the name with this number, or `none` if there is none.
    package static func name(_ number: Int) -> String {
        names.withLock { number < $0.names.count ? $0.names[number] : "none" }
    }
}
