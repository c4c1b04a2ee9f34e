import Synchronization

/// Numbers for commands' names, so that a thread can tell another one which command it runs without a lock.
///
/// There are as many as commands have been served in this process.
package enum CommandNumbers {
    private struct Names {
        var numbers: [String: Int] = [:]
        var names: [String] = ["none"]
    }
    private static let names = Mutex(Names())

    /// The number of a name, which is given one if it has none.
    package static func number(of name: String) -> Int {
        names.withLock { names in
            if let number = names.numbers[name] { return number }
            names.numbers[name] = names.names.count
            names.names.append(name)
            return names.names.count - 1
        }
    }

    /// The name with that number.
    package static func name(_ number: Int) -> String {
        names.withLock { number < $0.names.count ? $0.names[number] : "none" }
    }
}
