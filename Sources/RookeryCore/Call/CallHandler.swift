/// What stands behind an ``Interceptor``: the next one, or what answers the call. Call it like a function: `next(call)`.
///
/// A type of its own, because a function type means one thing in modules that turn `NonisolatedNonsendingByDefault` on, and
/// another in those that do not.
public struct CallHandler {
    private let interceptors: ArraySlice<any Interceptor>
    private let last: (Call) async throws -> Reply

    /// Goes through all interceptors, and at the end through `last`.
    package init(_ interceptors: [any Interceptor], last: @escaping (Call) async throws -> Reply) {
        self.init(interceptors[...], last)
    }

    private init(_ interceptors: ArraySlice<any Interceptor>, _ last: @escaping (Call) async throws -> Reply) {
        self.interceptors = interceptors
        self.last = last
    }

    /// Goes on with a call. Throws what the rest of the way throws.
    public func callAsFunction(_ call: Call) async throws -> Reply {
        guard let first = interceptors.first else { return try await last(call) }
        return try await first.intercept(call, next: CallHandler(interceptors.dropFirst(), last))
    }
}
