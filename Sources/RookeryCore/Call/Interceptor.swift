/// Stands around calls: at a client around every call, at a server around every handler. The first one is outermost.
///
/// It sees and may replace the message and its metadata on the way in, the reply, each value of a stream and the error on
/// the way out, and what ``Tracing/ServiceContext`` says inside. Attach it with `intercepted(by:)` to a server, a client, a
/// contract or single commands. A command without interceptors takes the direct way and pays nothing.
///
/// ```swift
/// struct Timed: Interceptor {
///     func intercept(_ call: Call, next: (Call) async throws -> Reply) async throws -> Reply {
///         let start = ContinuousClock.now
///         defer { log(call.command.name, ContinuousClock.now - start) }
///         return try await next(call)
///     }
/// }
/// ```
public protocol Interceptor: Sendable {
    /// Calls `next`, perhaps with a changed call, to go on; a client's interceptor may do so more than once. What it throws
    /// is what the caller gets: at a server a ``RemoteError`` as it is, anything else as an internal error.
    ///
    /// The reply of a stream is there before its values are: ``Reply/mapMessages(_:)`` sees them pass.
    func intercept(_ call: Call, next: (Call) async throws -> Reply) async throws -> Reply
}

/// Interceptors in their order, each for all commands or for some.
package struct InterceptorList: Sendable {
    private struct Entry {
        let interceptor: any Interceptor
        /// Nil for all.
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

    /// Those that stand around a command, outermost first.
    package func interceptors(of command: Command) -> [any Interceptor] {
        if entries.isEmpty { return [] }
        return entries.compactMap { $0.commands.map { $0.contains(command) } ?? true ? $0.interceptor : nil }
    }
}

extension [any Interceptor] {
    /// Goes through all of them, and at the end through `last`.
    package func run(_ call: Call, last: (Call) async throws -> Reply) async throws -> Reply {
        try await step(0, call, last)
    }

    private func step(_ at: Int, _ call: Call, _ last: (Call) async throws -> Reply) async throws -> Reply {
        guard at < count else { return try await last(call) }
        return try await self[at].intercept(call) { try await step(at + 1, $0, last) }
    }
}
