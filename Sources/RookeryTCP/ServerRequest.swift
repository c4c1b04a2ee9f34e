import Logging
import NIOCore
import RookeryCore
import RookeryWire

/// One message at a server, and the way back to its sender. Confined to its connection's event loop.
final class ServerRequest: ReplySink, @unchecked Sendable {
    private let connection: ServerConnection
    let serial: UInt64
    private let body: ByteBuffer
    private let id: ByteRange
    private(set) var isFinished = false
    private(set) var isStream = false
    private var isAnswered = false
    /// The JSON text of a stream's value that has not been sent, because its end may come in the same burst.
    private var held: [UInt8]?

    init(connection: ServerConnection, serial: UInt64, body: ByteBuffer, id: ByteRange) {
        self.connection = connection
        self.serial = serial
        self.body = body
        self.id = id
    }

    /// Handles the message, and answers if there is somebody to answer.
    func run(_ entry: Router.Entry, _ call: IncomingCall) async {
        let sink: any ReplySink = id.isPresent ? self : DiscardingSink.shared
        isStream = entry.command.kind == .stream
        do {
            try await MessageContext.$current.withValue(call.context) {
                try await connection.shared.pipeline.run(entry, call, sink)
            }
        } catch {
            failed(error, entry)
        }
        onLoop {
            self.isFinished = true
            self.connection.finished(self)
        }
    }

    private func failed(_ error: any Error, _ entry: Router.Entry) {
        if error is CancellationError {
            // Its connection is gone, or the server is stopping.
            return fail(.shuttingDown)
        }
        if !(error is RemoteError) || !id.isPresent {
            // A handler's own refusal is an answer; anything else is a fault, and its text stays here.
            let level: Logger.Level = error is InvalidPayload ? .info : .error
            connection.shared.logger.log(
                level: level, "a handler failed",
                metadata: ["pattern": "\(entry.command.pattern)", "error": "\(String(reflecting: error))"])
        }
        fail(RemoteError(answering: error))
    }

    /// Handlers come back to the loop by their executor preference; one that does not is brought back.
    private func onLoop(_ work: @escaping @Sendable () -> Void) {
        if connection.executor.eventLoop.inEventLoop { return work() }
        connection.executor.eventLoop.execute(work)
    }

    private func answer(_ write: @escaping @Sendable (inout JSONWriter) -> Void) {
        guard id.isPresent else { return }
        onLoop { self.connection.write(write) }
    }

    private func fail(_ error: RemoteError) {
        onLoop { self.release() }
        if isAnswered { return }
        isAnswered = true
        let (body, id) = (self.body, self.id)
        answer { $0.errorReply(error, id: body, id) }
    }

    // MARK: Reply sink

    func reply(_ value: some MessageValue) {
        isAnswered = true
        guard connection.executor.eventLoop.inEventLoop else {
            return answer { self.write(value, isLast: true, to: &$0) }
        }
        connection.write { write(value, isLast: true, to: &$0) }
    }

    private func write(_ value: some MessageValue, isLast: Bool, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.quotedKey("\"response\":")
        value.encodeJSON(to: &writer)
        body.withBytes(of: id) { writer.endReply(id: $0, isLast: isLast) }
    }

    func end() {
        isAnswered = true
        onLoop { self.release() }
        answer { writer in
            writer.beginObject()
            self.body.withBytes(of: self.id) { writer.endReply(id: $0, isLast: true) }
        }
    }

    func value(_ value: some MessageValue) async throws {
        try Task.checkCancellation()
        let text = value.jsonBytes
        onLoop {
            self.release()
            self.held = text
            self.connection.hold(self)
        }
        try await connection.waitForRoom()
    }

    func endStream() {
        isAnswered = true
        onLoop {
            guard let text = self.held else { return self.end() }
            self.held = nil
            self.connection.write { self.write(text, isLast: true, to: &$0) }
        }
    }

    /// Sends the value that was held back. On the loop.
    func release() {
        guard let text = held else { return }
        held = nil
        connection.write { write(text, isLast: false, to: &$0) }
    }

    private func write(_ text: [UInt8], isLast: Bool, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.quotedKey("\"response\":")
        text.withUnsafeBytes { writer.verbatim($0) }
        body.withBytes(of: id) { writer.endReply(id: $0, isLast: isLast) }
    }
}

extension MessageValue {
    var jsonBytes: [UInt8] {
        var writer = JSONWriter()
        encodeJSON(to: &writer)
        return writer.bytes
    }
}
