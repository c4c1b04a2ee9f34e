/// An ordered list of interceptors, each for all commands or for some.
package struct InterceptorList: Sendable {
    private struct Entry {
        let interceptor: any Interceptor
        /// Nil for all commands.
        let commands: Set<Command>?
    }

    private var entries: [Entry] = []

    package init() {}

    package mutating func append(_ interceptors: [any Interceptor], commands: [Command]? = nil) {
        entries += interceptors.map { Entry(interceptor: $0, commands: commands.map { Set($0) }) }
    }

    package static func + (left: InterceptorList, right: InterceptorList) -> InterceptorList {
        var sum = left
        sum.entries += right.entries
        return sum
    }

    package var isEmpty: Bool { entries.isEmpty }

    /// Returns the interceptors of a command, outermost first.
    package func interceptors(of command: Command) -> [any Interceptor] {
        if entries.isEmpty { return [] }
        return entries.compactMap { $0.commands.map { $0.contains(command) } ?? true ? $0.interceptor : nil }
    }
}
