import NIOCore
import NIOPosix
import Rookery

/// Returns the text, padded with spaces on the right to at least `width` characters.
func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
}

/// The load that all connections put on a service together.
struct Load: Sendable {
    let target: Instance
    let connections: Int
    let loops: EventLoops
    let plan: LoadPlan

    /// Runs the load to its end. Calls `progress` every second with the number of calls answered so far.
    ///
    /// Throws ``RookeryCore/CallError`` with `cannotConnect` when a connection cannot be opened.
    func run(progress: @escaping @Sendable (Int) -> Void) async throws -> LoadResult {
        let total = Recorder()
        try await withThrowingTaskGroup(of: Recorder?.self) { group in
            for connection in 0..<connections {
                let loop = loops.executors[connection % loops.executors.count].eventLoop
                group.addTask { try await run(on: loop) }
            }
            group.addTask {
                while !Task.isCancelled {
                    // The sleep throws only when the last connection has ended and cancels this task.
                    try? await Task.sleep(for: .seconds(1))
                    if !Task.isCancelled { progress(plan.counters.total) }
                }
                return nil
            }
            for _ in 0..<connections {
                guard let recorder = try await group.next() else { break }
                if let recorder { total.add(recorder) }
            }
            group.cancelAll()
        }
        return LoadResult(
            target: target, seconds: Double((total.endedAt - plan.begin).nanoseconds) / 1e9, recorder: total)
    }

    private func run(on loop: any EventLoop) async throws -> Recorder {
        let recorder = Recorder()
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: loop)
                .channelOption(.socketOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(LoadConnection(plan, recorder))
                    }
                }
                .connect(host: target.host, port: target.port).get()
        } catch {
            throw CallError(
                .cannotConnect, "Cannot connect to \(target.description).", cause: "\(error)")
        }
        try await channel.closeFuture.get()
        return recorder
    }
}
