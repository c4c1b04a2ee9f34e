/// The rest of the chain behind an ``Interceptor``: the next interceptor, or the code that answers the call. Call it
/// like a function: `next(call)`.
///
/// It is a struct and not a function type. The meaning of an async function type depends on whether a module enables
/// `NonisolatedNonsendingByDefault`.
public struct CallHandler {
    private let interceptors: ArraySlice<any Interceptor>
    private let last: (Call) async throws -> Reply

    /// Creates a chain of all interceptors, with `last` at its end.
    package init(_ interceptors: [any Interceptor], last: @escaping (Call) async throws -> Reply) {
        self.init(interceptors[...], last)
    }

    private init(_ interceptors: ArraySlice<any Interceptor>, _ last: @escaping (Call) async throws -> Reply) {
        self.interceptors = interceptors
        self.last = last
    }

    /// Passes a call on. Throws what the rest of the chain throws.
    public func callAsFunction(_ call: Call) async throws -> Reply {
        guard let first = interceptors.first else { return try await last(call) }
        return try await first.intercept(call, next: CallHandler(interceptors.dropFirst(), last))
    }
}
