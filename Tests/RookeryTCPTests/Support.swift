import Foundation
import Logging
import NIOCore
import Rookery
import RookeryTesting
import Synchronization
import Testing

let recorded = RecordedFrames(
    folder: URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Conformance"))

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A value that must be there; unlike the macro it can stand inside another.
func need<Value>(_ value: Value?) throws -> Value { try #require(value) }

/// A server for the length of `body`, on a free port.
func withServer<Result: Sendable>(
    _ routes: [Route], _ change: (inout ServerConfiguration) -> Void = { _ in },
    interceptors: [any Interceptor] = [], _ body: (Int, RookeryServer) async throws -> Result
) async throws -> Result {
    var configuration = ServerConfiguration(port: 0)
    configuration.drainTimeout = .seconds(2)
    change(&configuration)
    var server = try RookeryServer(configuration, routes: routes, logger: quiet)
    for interceptor in interceptors { server = server.intercepted(by: interceptor) }
    return try await server.running { address in try await body(try need(address.port), server) }
}

/// Loops of the tests' clients: with one there is one connection, whichever thread a test's task happens to be on.
let oneLoop = EventLoops(threads: 1)

func client(
    _ port: Int, timeout: Duration = .seconds(5), on eventLoops: EventLoops = oneLoop,
    _ change: (inout ClientConfiguration) -> Void = { _ in }
) -> RookeryClient {
    var configuration = ClientConfiguration(host: "127.0.0.1", port: port)
    change(&configuration)
    return RookeryClient(
        transport: TCPTransport(
            Instance(host: "127.0.0.1", port: port), configuration, eventLoops: eventLoops, logger: quiet),
        defaults: CallDefaults(timeout: timeout))
}

/// A client that says no hello: what it sends and takes is the plain wire, as a Nest client's.
func plainClient(_ port: Int, timeout: Duration = .seconds(5)) -> RookeryClient {
    client(port, timeout: timeout) { $0.negotiates = false }
}

/// A destination with one instance in this process.
func destination(
    _ name: String, _ ports: [Int], _ change: (inout ClientConfiguration) -> Void = { _ in }
) throws -> Destination {
    var configuration = ClientConfiguration(
        name, instances: .list(ports.map { Instance(host: "127.0.0.1", port: $0) }))
    change(&configuration)
    return try Destination(tcp: configuration, eventLoops: oneLoop, logger: quiet)
}

/// A transport to one address.
func transport(_ port: Int, _ change: (inout ClientConfiguration) -> Void = { _ in }) -> TCPTransport {
    var configuration = ClientConfiguration(host: "127.0.0.1", port: port)
    change(&configuration)
    return TCPTransport(
        Instance(host: "127.0.0.1", port: port), configuration, eventLoops: oneLoop, logger: quiet)
}

/// A call has that reply. A function, because a closure whose only `try` is inside `#expect` is not taken to throw.
func expect(
    _ client: RookeryClient, _ pattern: Pattern, _ data: JSONValue, _ reply: JSONValue,
    sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    #expect(try await client.send(pattern, data) == reply, sourceLocation: sourceLocation)
}

/// Waits until the task is cancelled, then throws.
func untilCancelled() async throws {
    let (nothing, continuation) = AsyncStream.makeStream(of: Void.self)
    for await _ in nothing {}
    continuation.finish()
    try Task.checkCancellation()
}

/// Answers `slow` with what it was sent, when the gate opens.
func slow(_ gate: Gate) -> Route {
    .raw("slow") { value in
        await gate.pass()
        return value
    }
}

/// Opens, once, for all tasks that wait; a task that is cancelled waits no longer.
actor Gate {
    private var isOpen = false
    private var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    private(set) var arrivals = 0
    private var watchers: [(id: Int, count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    private var nextWatcher = 0

    func open() {
        isOpen = true
        for continuation in waiting.values { continuation.resume() }
        waiting = [:]
    }

    func pass() async {
        arrivals += 1
        for watcher in watchers where watcher.count <= arrivals { watcher.continuation.resume() }
        watchers.removeAll { $0.count <= arrivals }
        if isOpen { return }
        let id = arrivals
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiting[id] = $0 }
        } onCancel: {
            Task { await cancel(id) }
        }
    }

    private func cancel(_ id: Int) { waiting.removeValue(forKey: id)?.resume() }

    /// Returns when that many have arrived.
    func arrived(_ count: Int) async {
        if arrivals >= count { return }
        nextWatcher += 1
        let id = nextWatcher
        // A test whose time is over does not wait for ever.
        await withTaskCancellationHandler {
            await withCheckedContinuation { watchers.append((id, count, $0)) }
        } onCancel: {
            Task { await forget(id) }
        }
    }

    private func forget(_ id: Int) {
        for watcher in watchers where watcher.id == id { watcher.continuation.resume() }
        watchers.removeAll { $0.id == id }
    }
}

/// A value that tasks share.
final class Shared<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>
    init(_ value: Value) { mutex = Mutex(value) }
    var value: Value { mutex.withLock { $0 } }
    func change(_ body: (inout sending Value) -> Void) { mutex.withLock { body(&$0) } }
}
