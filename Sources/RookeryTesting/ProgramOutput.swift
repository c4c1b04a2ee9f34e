import Synchronization

/// The state of a running program: process ID, output and exit code. Tasks can wait for each of them.
final class ProgramOutput: Sendable {
    private struct State {
        var start: Result<Int32, any Error>?
        var code: Int32?
        var text = ""
        var isClosed = false
        var waitingForStart: [CheckedContinuation<Int32, any Error>] = []
        var waitingForEnd: [CheckedContinuation<Int32, Never>] = []
        var waitingForLines: [(prefix: String, continuation: CheckedContinuation<String?, Never>)] = []
    }
    private let state = Mutex(State())

    // MARK: The program

    func started(_ processID: Int32) { settleStart(.success(processID)) }

    func failed(_ error: any Error) {
        settleStart(.failure(error))
        closed()
        ended(-1)
    }

    private func settleStart(_ result: Result<Int32, any Error>) {
        let waiting = state.withLock { state in
            if state.start == nil { state.start = result }
            defer { state.waitingForStart = [] }
            return state.waitingForStart
        }
        for continuation in waiting { continuation.resume(with: result) }
    }

    func received(_ text: String) { changed { $0.text += text } }
    func closed() { changed { $0.isClosed = true } }

    private func changed(_ change: (inout State) -> Void) {
        let resumed = state.withLock { state in
            change(&state)
            var resumed: [(CheckedContinuation<String?, Never>, String?)] = []
            state.waitingForLines.removeAll { prefix, continuation in
                let line = Self.line(prefix, in: state.text)
                if line == nil, !state.isClosed { return false }
                resumed.append((continuation, line))
                return true
            }
            return resumed
        }
        for (continuation, line) in resumed { continuation.resume(returning: line) }
    }

    func ended(_ code: Int32) {
        let waiting = state.withLock { state in
            if state.code == nil { state.code = code }
            defer { state.waitingForEnd = [] }
            return state.waitingForEnd
        }
        for continuation in waiting { continuation.resume(returning: code) }
    }

    // MARK: Waiting tasks

    var printed: String { state.withLock { $0.text } }

    /// Waits for the ID of the process. Throws if the program could not be started.
    func processID() async throws -> Int32 {
        try await withCheckedThrowingContinuation { continuation in
            let start = state.withLock { state -> Result<Int32, any Error>? in
                if state.start == nil { state.waitingForStart.append(continuation) }
                return state.start
            }
            if let start { continuation.resume(with: start) }
        }
    }

    func exitCode() async -> Int32 {
        await withCheckedContinuation { continuation in
            let code = state.withLock { state -> Int32? in
                if state.code == nil { state.waitingForEnd.append(continuation) }
                return state.code
            }
            if let code { continuation.resume(returning: code) }
        }
    }

    func line(_ prefix: String) async -> String? {
        await withCheckedContinuation { continuation in
            let (isDone, line) = state.withLock { state -> (Bool, String?) in
                if let line = Self.line(prefix, in: state.text) { return (true, line) }
                if state.isClosed { return (true, nil) }
                state.waitingForLines.append((prefix, continuation))
                return (false, nil)
            }
            if isDone { continuation.resume(returning: line) }
        }
    }

    private static func line(_ prefix: String, in text: String) -> String? {
        // Only whole lines, because the program may not have finished the last one.
        text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().first { $0.hasPrefix(prefix) }.map(
            String.init)
    }
}
