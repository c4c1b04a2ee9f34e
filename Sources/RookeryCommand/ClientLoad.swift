import CommandSupport
import Logging
import NIOCore
import Rookery

/// Puts the same load on a service through the typed client, as another service would.
///
/// The result therefore measures the client as much as the server.
struct ClientLoad: Sendable {
    let target: Instance
    let connections: Int
    let inFlight: Int
    let loops: EventLoops
    let plan: LoadPlan
    /// Whether calls bypass the guards of a destination.
    let isBare: Bool
    let keys: KeyOptions

    func run() async throws -> LoadResult {
        let total = Recorder()
        try await withThrowingTaskGroup(of: Recorder.self) { group in
            for connection in 0..<connections {
                let executor = loops.executors[connection % loops.executors.count]
                group.addTask(executorPreference: executor) { try await run(on: executor) }
            }
            for try await recorder in group { total.add(recorder) }
        }
        return LoadResult(
            target: target, seconds: Double((total.endedAt - plan.begin).nanoseconds) / 1e9, recorder: total)
    }

    private func run(on executor: LoopExecutor) async throws -> Recorder {
        // Keeps the pool at one connection, however many calls are in flight.
        var configuration = ClientConfiguration("bench", instances: .list([target]))
        configuration.concurrency.maximumCalls = inFlight
        configuration.pool.maximumConnections = 1
        configuration.pool.growAt = inFlight + 1
        configuration.pool.maximumWaiting = inFlight
        configuration.negotiates = plan.hello != nil
        configuration.compresses = plan.compresses
        configuration.serializers = SerializerChoice(preferred: plan.format.name)
        keys.apply(&configuration)
        let key = try configuration.key.map { try ServiceKeyFile($0, logger: Logger.silence) }
        let client =
            isBare
            ? RookeryClient(transport: TCPTransport(target, configuration, key: key, eventLoops: loops))
            : RookeryClient(try Destination(tcp: configuration, eventLoops: loops))
        let bookings = ConformanceAPIClient(client)
        let recorder = Recorder()
        recorder.isBinary = plan.hello != nil
        let request = GetConformanceBooking(id: plan.data["id"]?.intValue ?? 1)
        try await withThrowingDiscardingTaskGroup { group in
            for _ in 0..<inFlight {
                // All tasks run on one event loop, because the recorder is confined to it.
                group.addTask(executorPreference: executor) {
                    var now = NIODeadline.now()
                    while now < plan.end, plan.counters.take() {
                        let reply = try await bookings.getBooking(request)
                        let then = NIODeadline.now()
                        if reply.id != request.id { recorder.failed(1, "the reply is for another booking") }
                        if now >= plan.begin { recorder.record(nanoseconds: (then - now).nanoseconds) }
                        recorder.endedAt = then
                        now = then
                    }
                }
            }
        }
        await client.close()
        return recorder
    }
}
